// Answers only the inbox's own page and programs, before MailDev sees a request. MailDev allows every origin to read and delete mail,
// so any page that a developer visits could. `node --import guard.mjs` loads this file first.
// https://web.dev/articles/fetch-metadata

import http from "node:http";
import net from "node:net";

/**
 * Return the host name in a Host header, without the port and the brackets of IPv6.
 * @param {string} host
 */
function nameOf(host) {
  return host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1").toLowerCase();
}

/**
 * Return why a request is refused, or an empty string.
 * @param {http.IncomingMessage} request
 */
export function refusal({ method, headers }) {
  const { host, origin } = headers;
  if (host === undefined) return ""; // no browser: each sends it
  // Another site's name may resolve to this machine (DNS rebinding); an address cannot.
  const name = nameOf(host);
  if (name !== "localhost" && !name.endsWith(".localhost") && !net.isIP(name)) {
    return `this inbox is at localhost, not at ${name}`;
  }
  if (origin !== undefined && origin !== `http://${host}`) return `pages of ${origin} may not read this inbox`;
  const site = headers["sec-fetch-site"] ?? "none";
  const visit = method === "GET" && headers["sec-fetch-mode"] === "navigate" && headers["sec-fetch-dest"] === "document";
  if (!["same-origin", "none"].includes(site) && !visit) return "pages of other sites may not use this inbox";
  return "";
}

const emit = http.Server.prototype.emit;

http.Server.prototype.emit = function (event, ...details) {
  if (event !== "request" && event !== "upgrade") return emit.call(this, event, ...details);
  const [request, answer] = details;
  const reason = refusal(request);
  if (event === "request") {
    answer.setHeader("X-Frame-Options", "SAMEORIGIN"); // a framed inbox could be clicked unseen
    answer.setHeader("Cross-Origin-Resource-Policy", "same-origin");
    if (reason) {
      answer.writeHead(403, { "Content-Type": "text/plain; charset=utf-8" });
      answer.end(`${reason}\n`);
      return true;
    }
  } else if (reason) {
    answer.destroy(); // the connection
    return true;
  }
  return emit.call(this, event, ...details);
};
