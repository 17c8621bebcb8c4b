"use client";
/** An enrolment token, the one time it is shown, with the command that uses it. */
import { CopyBlock } from "@/app/_ui/copy.tsx";
import { Notice } from "@/app/_ui/notice.tsx";
import { Time } from "@/app/_ui/time.tsx";

export function TokenShown({ reply }: { reply: { token: string; expiresAt: string } }) {
  return (
    <div className="flex flex-col gap-3">
      <Notice tone="warn" title="The token is shown once. Keep it like a password.">
        It ends <Time at={reply.expiresAt} />.
      </Notice>
      <CopyBlock text={reply.token} what="enrolment token" isSecret />
      <p className="text-[13px]">On the endpoint, with the token in a file that only root can read:</p>
      <CopyBlock text="sallyport-agent enrol --token-file /path/to/token" what="enrolment command" />
    </div>
  );
}
