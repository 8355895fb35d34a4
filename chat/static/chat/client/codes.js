/** Close codes: for each whether to connect again, whether what was on its way may be sent again, and why, for people. */

const SAYS = new Map([
  [1000, "the server closed the connection"],
  [1001, "the server is going away"],
  [1002, "the server could not read what was sent"],
  [1007, "the server could not read the text that was sent"],
  [1009, "what was sent is too large for the server"],
  [1011, "the server failed"],
  [1012, "the server restarts"],
  [4001, "the server restarts"],
  [4002, "this connection was too slow for what it was sent"],
  [4003, "the server heard nothing from here in time"],
  [4004, "the server's storage does not answer"],
  [4005, "the server lost track of this connection"],
  [4500, "the server could not read what this page sent"],
  [4501, "signing in took too long"],
  [4502, "you are signed out"],
  [4503, "you are banned here"],
  [4504, "you were removed"],
  [4505, "there are too many connections"],
  [4506, "too much was sent too fast"],
  [4507, "there is no such room"],
  [4508, "this room is not open to you"],
  [4509, "this site may no longer connect"],
  [4510, "the server does not take who this page says you are"],
]);

// The frame itself was refused: sent again it would end the next connection too (RFC 6455, section 7.4.1).
const OFFENDED = new Set([1002, 1007, 1009]);

/** Return what a close code means: {reconnect, resend, says}. 4500-4999 say that connecting again is no use. */
export function verdict(code) {
  return {
    reconnect: !(code >= 4500 && code <= 4999),
    resend: !OFFENDED.has(code),
    says: SAYS.get(code) ?? "the connection was lost",
  };
}
