/** What Linux tells of the machine beneath it. */
import { describe, expect, it } from "vitest";
import { cloudInstanceIdFrom } from "./linux.ts";

const reading = (files: Record<string, string>) => (file: string) => files[file] ?? "";

describe("the id that a cloud gave a machine", () => {
  it("is what cloud-init was told [S4-10]", () => {
    expect(cloudInstanceIdFrom(reading({ "/var/lib/cloud/data/instance-id": "i-0abc1234def56789a\n" }))).toBe("i-0abc1234def56789a");
    expect(cloudInstanceIdFrom(reading({ "/run/cloud-init/.instance-id": "iid-local01\n" }))).toBe("iid-local01");
  });

  it("is EC2's asset tag where there is no cloud-init [S4-10]", () => {
    expect(cloudInstanceIdFrom(reading({ "/sys/devices/virtual/dmi/id/board_asset_tag": "i-0abc1234def56789a\n" }))).toBe("i-0abc1234def56789a");
  });

  it("is unknown on a computer that no cloud made, and where the text is none [S4-10] [S4-17]", () => {
    expect(cloudInstanceIdFrom(reading({ "/sys/devices/virtual/dmi/id/board_asset_tag": "Not Specified\n" }))).toBeNull();
    expect(cloudInstanceIdFrom(reading({ "/var/lib/cloud/data/instance-id": "two words\n" }))).toBeNull();
  });
});
