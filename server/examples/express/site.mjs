// A site with an 18+ button and a log-in. docs/integrate.md explains it.
import express from "express";
import session from "express-session";
import { ask, result, words } from "./veilpass.mjs";

const app = express();
// `auto` with `proxy`: the cookie is `Secure` behind a proxy that speaks TLS.
app.use(session({ secret: process.env.SESSION_SECRET ?? crypto.randomUUID(), resave: false, proxy: true,
  saveUninitialized: false, cookie: { httpOnly: true, sameSite: "lax", secure: "auto" } }));
app.get("/", ({ session: { adult, account } }, res) => res.send(`${adult ? "18 or older" : "Age unknown"},
  ${account ? `logged in as ${account}` : "not logged in"}. <form method=post>
  <button formaction=/adult>I am 18</button> <button formaction=/account>Log in</button></form>`));
const button = (what, question) => app.post(`/${what}`, async (req, res) => {
  const { link, asked } = await ask(question);
  req.session.asked = { what, ...asked };
  res.send(`<a href="${link}" target=_blank>Open your wallet</a>. ${words.pending}`);
});
button("adult", { predicates: { valid: true, age: { at_least: 18 } } });
button("account", { predicates: { valid: true }, link: "account" });
app.get("/result", async (req, res) => {
  const { asked, adult, account } = req.session;
  if (!asked) return res.redirect("/");
  const { state, pseudonym } = await result(asked);
  if (state !== "accepted") return res.send(words[state]);
  await new Promise((done) => req.session.regenerate(done)); // a log-in begins a new session
  Object.assign(req.session, { adult, account, [asked.what]: pseudonym });
  res.redirect("/");
});
app.use((error, req, res, next) => { // Express knows an error handler by its four parameters
  console.error(error);
  res.status(500).send(words.unavailable);
});
app.listen(process.env.PORT ?? 3000, "127.0.0.1");
