import { later, t } from "./words.js";

/** Close codes: for each whether to connect again, whether what was on its way may be sent again, and why, for people. */

const SAYS = new Map([
  [1000, later("the server closed the connection")],
  [1001, later("the server is going away")],
  [1002, later("the server could not read what was sent")],
  [1007, later("the server could not read the text that was sent")],
  [1009, later("what was sent is too large for the server")],
  [1011, later("the server failed")],
  [1012, later("the server restarts")],
  [4001, later("the server restarts")],
  [4002, later("this connection was too slow for what it was sent")],
  [4003, later("the server heard nothing from here in time")],
  [4004, later("the server's storage does not answer")],
  [4005, later("the server lost track of this connection")],
  [4006, later("there are too many connections; this page waits, and connects by itself")],
  [4500, later("the server could not read what this page sent")],
  [4501, later("signing in took too long")],
  [4502, later("you are signed out")],
  [4503, later("you are banned here")],
  [4504, later("you were removed")],
  [4505, later("there are too many connections")],
  [4506, later("too much was sent too fast")],
  [4507, later("there is no such room")],
  [4508, later("this room is not open to you")],
  [4509, later("this site may no longer connect")],
  [4510, later("the server does not take who this page says you are")],
]);

// The frame itself was refused: sent again it would end the next connection too (RFC 6455, section 7.4.1).
const OFFENDED = new Set([1002, 1007, 1009]);

/** Return what a close code means: {reconnect, resend, says}. 4500-4999 say that connecting again is no use. */
export function verdict(code) {
  return {
    reconnect: !(code >= 4500 && code <= 4999),
    resend: !OFFENDED.has(code),
    says: t(SAYS.get(code) ?? later("the connection was lost")),
  };
}
