/** The version of this software, from package.json. */
import manifest from "../package.json" with { type: "json" };

export const softwareVersion: string = manifest.version;
