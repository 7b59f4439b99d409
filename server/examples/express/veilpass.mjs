// What a site needs of its platform server: it asks, and reads the result. Copy this file as it is.
const { VEILPASS = "http://localhost:8444", VEILPASS_TOKEN = "test", NODE_ENV } = process.env;
const platform = VEILPASS.replace(/\/+$/, "");

/** What the person reads, by the state of the request; `unavailable` is for every other failure. */
const back = "<a href=/>Back to the site</a>";
export const words = { pending: "Confirm in your wallet, then <a href=/result>go on</a>.",
  declined: `You have not shared anything. You can try again or use another way. ${back}`,
  refused: `That did not work. Please try again. ${back}`,
  expired: `The time is over. Please try again. ${back}`,
  unavailable: `We cannot check this at the moment. Please try again later. ${back}` };

async function call(path, token, body) {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const method = body ? "POST" : "GET";
  const answer = await fetch(platform + path, { method, headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(await answer.text());
  const reply = await answer.json();
  if (reply.test && NODE_ENV === "production") throw new Error("VEILPASS is a test platform");
  return reply;
}

/** Asks a question. The wallet opens `link`; `asked` stays on your server, in the session that asked. */
export async function ask(question) {
  const { id, result_token: token, request_uri, test } = await call("/v1/requests", VEILPASS_TOKEN, question);
  const link = (test ? `${platform}/test/wallet?request_uri=` : "") + request_uri;
  return { link, asked: { id, token } };
}

/** What became of it, after at most 30 seconds: `state`, and `pseudonym` if it was accepted. */
export const result = ({ id, token }) => call(`/v1/requests/${id}/result?wait=30`, token);
