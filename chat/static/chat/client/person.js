import { isPassing, sentence } from "./errors.js";
import { t } from "./words.js";

const STORED_NAME = "chat.name";
const STORED_TOKEN = "chat.guest";

/**
 * Who one is here. A guest gets a token, by which it is the same one on the next connection: with the same name, and its
 * messages its own. Where that is lost, the chosen name is said again.
 */
export class Person {
  #adapters;
  #call;
  #view;
  #you = { id: "", name: "", kind: "guest" };

  /** `view` hears `you(user)` and `unnamed(sentence)`. */
  constructor({ adapters, call, view }) {
    this.#adapters = adapters;
    this.#call = call;
    this.#view = view;
  }

  get you() {
    return this.#you;
  }

  /** Tell whether one wrote a message oneself. */
  wrote({ author }) {
    return this.#you.id !== "" && author?.id === this.#you.id;
  }

  /** What shows that one is the guest of before; null for a new one. Who is signed in is that all the same. */
  get token() {
    return this.#adapters.recall(STORED_TOKEN);
  }

  /** The server does not take the token: one is a new guest. */
  forget() {
    this.#adapters.forget(STORED_TOKEN);
  }

  #keep(token) {
    if (typeof token === "string") this.#remember(STORED_TOKEN, token);
  }

  /** What storage does not take holds for this connection all the same. */
  #remember(name, value) {
    try {
      this.#adapters.remember(name, value);
    } catch (full) {
      this.#adapters.warn("Who this guest is cannot be remembered:", String(full));
    }
  }

  /** Tell whether what somebody wrote here is to be sent now: a guest may have become another one, an account has not. */
  mayBe(author) {
    if (!author?.id) return true; // Written before the server said who one is.
    return author.kind === this.#you.kind && (author.kind === "guest" || author.id === this.#you.id);
  }

  /** The server says who one is. */
  is(user) {
    if (typeof user?.id !== "string" || typeof user.name !== "string") return;
    this.#you = { id: user.id, name: user.name, kind: user.kind };
    this.#view.you(this.#you);
  }

  /** A connection is open: say the remembered name. */
  welcome({ user, token }) {
    this.is(user);
    this.#keep(token);
    if (!user) return; // Nobody yet: the server wants a token first.
    const name = this.#adapters.recall(STORED_NAME);
    if (name && name !== this.#you.name && this.#you.kind === "guest") this.#say(name);
  }

  /** Take another name; while disconnected it is remembered and said later. Return why not, or an empty string. */
  rename(text) {
    const name = text.trim();
    if (name === "") return t("A name needs at least one character.");
    this.#remember(STORED_NAME, name);
    if (!this.#say(name)) this.is({ ...this.#you, name });
    return "";
  }

  #say(name) {
    return this.#call("name", { name }, ({ type, payload }) => {
      if (type === "ack") this.#named(payload);
      else this.#refused(name, payload);
    });
  }

  #named({ user, token }) {
    this.is(user);
    this.#keep(token);
    this.#remember(STORED_NAME, this.#you.name);
  }

  /** A name that the server does not take would be refused on every connection: forget it. */
  #refused(name, error) {
    if (!isPassing(error) && this.#adapters.recall(STORED_NAME) === name) this.#adapters.forget(STORED_NAME);
    this.#view.unnamed(sentence(error));
  }
}
