const MOST = 99;

/** The window's title: how much is unread, and the room. */
export class Title {
  #heading;
  #title;
  #unread = 0;

  constructor({ heading, title }) {
    this.#heading = heading;
    this.#title = title;
  }

  /** The room is called so. */
  call(title) {
    this.#title = title;
    this.#heading.textContent = title;
    this.#show();
  }

  unread(count) {
    this.#unread = count;
    this.#show();
  }

  #show() {
    const count = this.#unread > MOST ? `${MOST}+` : this.#unread;
    const title = this.#unread > 0 ? `(${count}) ${this.#title}` : this.#title;
    if (document.title !== title) document.title = title;
  }
}
