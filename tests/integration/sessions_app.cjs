"use strict";
// An application of Express that keeps what its paths say; its sessions are in the program.  Prints
// its port.  `POST /hold/...` waits, once its session is read, until `GET /release` is asked.  Each
// answer has a body, for express-session lets one without any out before its session is kept.

const express = require("express");
const session = require("express-session");
const { Breaker, Endpoint, SessionClient } = require("headrace");
const { HeadraceStore } = require("headrace/express");

const endpoint = new Endpoint(process.env.URL_OF_HEADRACE, {
  timeoutMs: Number(process.env.TIMEOUT_MS), breaker: new Breaker({ failuresMax: 1e6 }),
});
const client = new SessionClient(endpoint, "web");
const app = express();
app.disable("etag");
app.get("/plain", (request, response) => response.send("nothing of a session"));

let release = () => {};
let isHeld = false;
app.get("/held", (request, response) => response.send(String(isHeld)));
app.get("/release", (request, response) => {
  isHeld = false;
  release();
  response.send("ok");
});

app.use(session({
  secret: "signs the cookie", resave: false, saveUninitialized: false,
  cookie: { maxAge: Number(process.env.MAX_AGE_MS) || null },
  store: new HeadraceStore({ client, subject: (one) => one.user }),
}));
app.get("/", (request, response) => response.send(request.session.user ?? "nobody"));
app.get("/id", (request, response) => response.send(request.sessionID));
app.get("/get/:name", (request, response) =>
  response.send(JSON.stringify(request.session[request.params.name]) ?? "undefined"));
app.post("/hold/:name/:value", (request, response, next) => {
  isHeld = true;
  release = next;
}, put);
app.post("/set/:name/:value", put);
function put(request, response) {
  request.session[request.params.name] = JSON.parse(request.params.value);
  response.send("ok");
}
app.post("/note/:text", (request, response) => {
  (request.session.notes ??= []).push(request.params.text);
  response.send("ok");
});
app.post("/login/:user", (request, response, next) => {
  request.session.regenerate((error) => {
    if (error) return next(error);
    request.session.user = request.params.user;
    response.send("ok");
  });
});
app.post("/remember/:ms", (request, response) => {
  request.session.cookie.maxAge = Number(request.params.ms);
  request.session.remembered = true;
  response.send("ok");
});
app.post("/logout", (request, response, next) =>
  request.session.destroy((error) => (error ? next(error) : response.send("ok"))));
app.use((error, request, response, next) => {
  if (response.headersSent) {
    console.error(error.name);
    return next(error);
  }
  response.status(error.status ?? 500).send(error.name);
});

const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
