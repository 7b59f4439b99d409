// A site with an 18+ button and a log-in. docs/integrate.md explains it.
import express from "express";
import session from "express-session";

const env = { VEILPASS: "http://localhost:8444", VEILPASS_TOKEN: "test", ...process.env };
const veilpass = env.VEILPASS.replace(/\/+$/, "");
const adult = '{"predicates":{"valid":true,"age":{"at_least":18}}}';
const account = '{"predicates":{"valid":true},"link":"account"}';
const back = "<a href=/>Back to the site</a>";
const words = { pending: "Confirm in your wallet, then <a href=/result>go on</a>.",
  declined: "You have not shared anything. You can try again or use another way.",
  refused: "That did not work. Please try again.", expired: "The time is over. Please try again." };

async function call(path, token, body) {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const answer = await fetch(veilpass + path, { method: body ? "POST" : "GET", headers, body });
  if (!answer.ok) throw new Error(await answer.text());
  const reply = await answer.json();
  if (reply.test && env.NODE_ENV === "production") throw new Error("VEILPASS is a test platform");
  return reply;
}

const app = express();
const secret = env.SESSION_SECRET ?? crypto.randomUUID();
// `auto` with `proxy`: the cookie is `Secure` behind a proxy that speaks TLS.
const cookie = { httpOnly: true, sameSite: "lax", secure: "auto" };
app.use(session({ secret, cookie, proxy: true, resave: false, saveUninitialized: false }));
app.get("/", ({ session: s }, res) => res.send(`${s.adult ? "18 or older" : "Age unknown"},
  ${s.account ? `logged in as ${s.account}` : "not logged in"}. <form method=post>
  <button formaction=/adult>I am 18</button> <button formaction=/account>Log in</button></form>`));
for (const [what, question] of Object.entries({ adult, account }))
  app.post(`/${what}`, async (req, res) => {
    const made = await call("/v1/requests", env.VEILPASS_TOKEN, question);
    req.session.asked = { what, id: made.id, token: made.result_token };
    const wallet = (made.test ? `${veilpass}/test/wallet?request_uri=` : "") + made.request_uri;
    res.send(`<a href="${wallet}" target=_blank>Open your wallet</a>. ${words.pending}`);
  });
app.get("/result", async (req, res) => {
  const { asked, adult, account } = req.session;
  if (!asked) return res.redirect("/");
  const { state, pseudonym } = await call(`/v1/requests/${asked.id}/result?wait=30`, asked.token);
  if (state !== "accepted") return res.send(`${words[state]} ${back}`);
  await new Promise((done) => req.session.regenerate(done)); // a log-in begins a new session
  Object.assign(req.session, { adult, account, [asked.what]: pseudonym });
  res.redirect("/");
});
app.use((error, req, res, next) => { // Express knows an error handler by its four parameters
  console.error(error);
  delete req.session?.asked;
  res.status(500).send(`We cannot check this at the moment. Please try again later. ${back}`);
});
app.listen(env.PORT ?? 3000, "127.0.0.1");
