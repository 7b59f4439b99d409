// A site with an 18+ button and a log-in. docs/integrate.md explains it.
import express from "express";
import session from "express-session";
import { ask, result, words } from "./veilpass.mjs";

const questions = { adult: { predicates: { valid: true, age: { at_least: 18 } } },
  account: { predicates: { valid: true }, link: "account" } };
const back = "<a href=/>Back to the site</a>";
const app = express();
// `auto` with `proxy`: the cookie is `Secure` behind a proxy that speaks TLS.
const cookie = { httpOnly: true, sameSite: "lax", secure: "auto" };
app.use(session({ secret: process.env.SESSION_SECRET ?? crypto.randomUUID(), cookie, proxy: true,
  resave: false, saveUninitialized: false }));
app.get("/", ({ session: { adult, account } }, res) => res.send(`${adult ? "18 or older" : "Age unknown"},
  ${account ? `logged in as ${account}` : "not logged in"}. <form method=post>
  <button formaction=/adult>I am 18</button> <button formaction=/account>Log in</button></form>`));
for (const [what, question] of Object.entries(questions))
  app.post(`/${what}`, async (req, res) => {
    const { link, asked } = await ask(question);
    req.session.asked = { what, ...asked };
    res.send(`<a href="${link}" target=_blank>Open your wallet</a>. ${words.pending}`);
  });
app.get("/result", async (req, res) => {
  const { asked, adult, account } = req.session;
  if (!asked) return res.redirect("/");
  const { state, pseudonym } = await result(asked);
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
app.listen(process.env.PORT ?? 3000, "127.0.0.1");
