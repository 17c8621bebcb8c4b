/** `npm start`: brings up everything on one machine. This file is written for any Node, so that an old one gets a sentence instead of a syntax error. */
import { requireNode } from "./launcher/node-version.mjs";

requireNode();
void import("./launcher/run.mjs").then(function (launcher) {
  return launcher.start();
});
