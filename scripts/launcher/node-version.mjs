/** The oldest Node that may begin; everything after the installation runs on the Node that is installed with the dependencies. Written for any Node. */
var oldest = [20, 19];

/** Ends the process with a sentence when this Node is too old. */
export function requireNode() {
  var found = process.versions.node.split(".").map(Number);
  if (found[0] > oldest[0] || (found[0] === oldest[0] && found[1] >= oldest[1])) return;
  console.error("This is Node " + process.versions.node + " (" + process.execPath + "); Sallyport needs Node " + oldest.join(".") + " or later. Install it, then run the same command again.");
  process.exit(1);
}
