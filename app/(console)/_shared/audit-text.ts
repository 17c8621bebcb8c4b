/** An audit action as a person reads it: `gateway.renew-certificate` becomes "Gateway: renew certificate". */
export function actionText(action: string): string {
  const [noun = action, ...verbs] = action.split(".");
  const words = (text: string) => text.replace(/-/g, " ").replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  const head = words(noun);
  return `${head.charAt(0).toUpperCase()}${head.slice(1)}${verbs.length > 0 ? `: ${words(verbs.join(" "))}` : ""}`;
}
