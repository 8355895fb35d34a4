import { isPassing, sentence } from "./errors.js";

const STORED_NAME = "chat.name";

/** Who one is here. A guest's chosen name is remembered and said again on every connection. */
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

  /** Tell whether what somebody wrote here is to be sent now: a guest is another one on each connection, an account is not. */
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
  welcome({ user }) {
    this.is(user);
    const name = this.#adapters.recall(STORED_NAME);
    if (name && name !== this.#you.name && this.#you.kind === "guest") this.#say(name);
  }

  /** Take another name; while disconnected it is remembered and said later. Return why not, or an empty string. */
  rename(text) {
    const name = text.trim();
    if (name === "") return "A name needs at least one character.";
    this.#adapters.remember(STORED_NAME, name);
    if (!this.#say(name)) this.is({ ...this.#you, name });
    return "";
  }

  #say(name) {
    return this.#call("name", { name }, ({ type, payload }) => {
      if (type === "ack") this.#named(payload.user);
      else this.#refused(name, payload);
    });
  }

  #named(user) {
    this.is(user);
    this.#adapters.remember(STORED_NAME, this.#you.name);
  }

  /** A name that the server does not take would be refused on every connection: forget it. */
  #refused(name, error) {
    if (!isPassing(error) && this.#adapters.recall(STORED_NAME) === name) this.#adapters.forget(STORED_NAME);
    this.#view.unnamed(sentence(error));
  }
}
