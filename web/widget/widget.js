// @ts-check
// The prompt widget of Ikusei, <ikusei-prompt>: docs/how-to/widget.md says how to embed it.
// One plain module, served as it is: no build, no dependency, nothing stored, nothing inline.

/**
 * @typedef {{ source: string, externalId: string, title: string | null, venue: string }} Item
 * @typedef {{
 *   kind: string, language: 'EN' | 'JA', title: string, body: string, why: string, action: string,
 *   item: Item | null, validUntil: string, optOut: string, optOutAll: string,
 * }} Prompt
 * @typedef {{ offer: string, prompt: Prompt }} Offer
 */

/** All that is ever asked. */
export const documents = Object.freeze({
  IkuseiOffer: `mutation IkuseiOffer($surface: String!, $session: String!, $language: Language) {
  offerPrompt(surface: $surface, session: $session, language: $language) {
    __typename
    ... on Offered {
      offer
      prompt {
        kind language title body why action validUntil optOut optOutAll
        item { source externalId title venue }
      }
    }
  }
}`,
  IkuseiAcknowledge: `mutation IkuseiAcknowledge($offer: ID!, $outcome: PromptOutcome!) {
  acknowledgePrompt(offer: $offer, outcome: $outcome) { __typename }
}`,
  IkuseiRefuse: `mutation IkuseiRefuse($offer: ID!, $all: Boolean!) {
  acknowledgePrompt(offer: $offer, outcome: NOT_INTERESTED) { __typename }
  setConsent(allowed: false) @include(if: $all) { __typename }
}`,
  IkuseiAllow: `mutation IkuseiAllow($kind: PromptKind!, $all: Boolean!) {
  kind: setConsent(kind: $kind, allowed: true) { __typename }
  all: setConsent(allowed: true) @include(if: $all) { __typename }
}`,
});

const TEXTS = {
  EN: {
    why: 'Why you see this: ',
    close: 'Close',
    later: 'Remind me later',
    snoozed: 'All right: another time.',
    refused: 'You will get no more of these suggestions.',
    refusedAll: 'You will get no personal suggestions any more.',
    undo: 'Undo',
    allowed: 'Undone: you may get suggestions again.',
    failed: 'That did not reach us. Please try again.',
  },
  JA: {
    why: 'これが表示される理由：',
    close: '閉じる',
    later: 'あとで見る',
    snoozed: 'わかりました。また今度ご案内します。',
    refused: 'この種類のおすすめは、今後表示されません。',
    refusedAll: '個人向けのおすすめは、今後表示されません。',
    undo: '元に戻す',
    allowed: '元に戻しました。おすすめが再び表示されることがあります。',
    failed: '送信できませんでした。もう一度お試しください。',
  },
};

/** Milliseconds for which half of a prompt must be in view before it counts as seen. */
const SEEN = 1000;
/** Milliseconds for which a prompt may wait to be seen, whatever the clock of this machine says. */
const LEAST = 60_000;
/** Milliseconds after which an answer is too late: a page that moves under a reader is worse. */
const PATIENCE = 10_000;
/** Milliseconds before an outcome that could not be told is told again. */
const PAUSES = [1000, 5000];
/** Offers that are over on this page, whatever a changed attribute asks for again. */
const over = new Set();

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host { display: block; }
:host([hidden]) { display: none !important; }
*, ::before { box-sizing: border-box; margin: 0; }
section {
  --accent: var(--ikusei-accent, light-dark(#17693f, #74d3a0));
  --muted: var(--ikusei-muted, light-dark(#55605a, #a8b5ad));
  --line: var(--ikusei-border, light-dark(#dce3de, #39443d));
  --gap: var(--ikusei-space, 1rem);
  display: grid;
  grid-template: "mark title close" "mark text text" / auto minmax(0, 1fr) auto;
  align-items: start;
  gap: 0 calc(var(--gap) * .875);
  max-inline-size: var(--ikusei-max-width, 40rem);
  padding: calc(var(--gap) * 1.25);
  border: 1px solid var(--line);
  border-radius: var(--ikusei-radius, 16px);
  background: var(--ikusei-background, light-dark(#fff, #1b211d));
  color: var(--ikusei-color, light-dark(#18211c, #e8eeea));
  box-shadow: var(--ikusei-shadow, 0 1px 2px rgb(0 0 0 / .05), 0 8px 24px -12px rgb(0 0 0 / .18));
  font-family: var(--ikusei-font, inherit);
  line-height: 1.6;
  overflow-wrap: anywhere;
  text-align: start;
}
:lang(ja) { line-break: strict; text-spacing-trim: trim-start; line-height: 1.75; }
.mark {
  grid-area: mark;
  display: grid;
  place-items: center;
  inline-size: 2.5em;
  block-size: 2.5em;
  border-radius: 50%;
  background: color-mix(in srgb, var(--accent) 13%, transparent);
  color: var(--accent);
}
.mark svg { inline-size: 1.4em; block-size: 1.4em; }
.title { grid-area: title; align-self: center; font-size: 1.125em; font-weight: 700; line-height: 1.4; text-wrap: balance; word-break: auto-phrase; }
.text { grid-area: text; }
.body { margin-block-start: .125em; text-wrap: pretty; white-space: pre-line; }
.item {
  margin-block-start: .75em;
  padding: .5em .875em;
  border-inline-start: 3px solid var(--accent);
  border-start-end-radius: 6px;
  border-end-end-radius: 6px;
  background: color-mix(in srgb, var(--accent) 7%, transparent);
}
.actions { display: flex; flex-wrap: wrap; align-items: center; gap: .5em .75em; margin-block-start: 1em; }
.fine {
  grid-column: 1 / -1;
  margin-block-start: calc(var(--gap) * 1.125);
  padding-block-start: calc(var(--gap) * .75);
  border-block-start: 1px solid var(--line);
  color: var(--muted);
  font-size: .8125em;
}
.why b { font-weight: 600; }
.refuse { display: flex; flex-wrap: wrap; gap: 0 1.25em; margin-block-start: .25em; }
button, a {
  border: 0;
  background: none;
  color: inherit;
  font: inherit;
  line-height: 1.4;
  text-align: start;
  cursor: pointer;
}
a, .action, .later {
  display: inline-block;
  padding: .55em 1.1em;
  border: 1px solid transparent;
  border-radius: calc(var(--ikusei-radius, 16px) * .625);
  font-weight: 600;
  text-decoration: none;
}
.action { background: var(--accent); color: var(--ikusei-on-accent, light-dark(#fff, #0b2015)); }
.later { color: var(--muted); }
.small { min-block-size: 24px; padding: .25em 0; text-decoration: underline; text-decoration-color: var(--line); text-underline-offset: .2em; }
.close { grid-area: close; display: grid; place-items: center; inline-size: 2.25em; block-size: 2.25em; border-radius: 50%; color: var(--muted); }
.close svg { inline-size: 1.1em; block-size: 1.1em; }
svg { fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
.action:focus-visible, .later:focus-visible { border-radius: calc(var(--ikusei-radius, 16px) * .625); }
.close:focus-visible { border-radius: 50%; }
[aria-disabled] { opacity: .6; cursor: progress; }
.note { grid-column: 1 / -1; }
.text ~ .note:not(:empty) { margin-block-start: .5em; color: var(--ikusei-alert, light-dark(#a3261b, #ff9d93)); font-size: .875em; }
.done { grid-template: "note undo close" / minmax(0, 1fr) auto auto; align-items: center; padding-block: var(--gap); }
.done .note { grid-area: note; }
@media (max-width: 30rem) {
  section:not(.done) { grid-template: "mark title close" "text text text" / auto minmax(0, 1fr) auto; }
  .body { margin-block-start: .625em; }
  .actions > * { flex: auto; text-align: center; }
}
@media (hover: hover) {
  .action:hover { background: color-mix(in srgb, var(--accent) 88%, currentColor); }
  .later:hover, .close:hover { background: color-mix(in srgb, var(--muted) 14%, transparent); }
  .small:hover { color: var(--ikusei-color, light-dark(#18211c, #e8eeea)); text-decoration-color: currentColor; }
}
@media (pointer: coarse) {
  .action, .later { min-block-size: 44px; }
  .close { inline-size: 44px; block-size: 44px; margin-block-start: -.4em; margin-inline-end: -.4em; }
  .small { padding-block: .75em; }
}
@media (forced-colors: active) { .action { border-color: ButtonBorder; } }
@media (prefers-reduced-motion: no-preference) {
  section { animation: come .24s ease-out; }
  button, a { transition: background-color .12s, color .12s; }
}
@keyframes come { from { opacity: .01; translate: 0 6px; } }
`);

const SPROUT = 'M12 21v-9M12 12c0-4-3-6-8-6 0 4 3 6 8 6zM12 14c0-4 3-7 8-7 0 4-3 7-8 7z';
const CROSS = 'M6 6l12 12M18 6L6 18';

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} name  its class, and the part by which a page styles it
 * @param {...(Node | string)} inside
 */
function made(tag, name, ...inside) {
  const element = document.createElement(tag);
  element.className = name;
  element.part.add(...name.split(' '));
  element.append(...inside);
  return element;
}

/** @param {string} path */
function drawn(path) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(document.createElementNS(space, 'path'));
  svg.firstElementChild?.setAttribute('d', path);
  return svg;
}

/**
 * Resolves when somebody can look at the page: not in a background tab, not prerendered.
 *
 * @param {AbortSignal} signal
 */
async function inFront(signal) {
  while (document.visibilityState === 'hidden' && !signal.aborted) {
    await new Promise((resolve) => {
      document.addEventListener('visibilitychange', resolve, { once: true, signal });
      signal.addEventListener('abort', resolve, { once: true });
    });
  }
}

export class IkuseiPrompt extends HTMLElement {
  static observedAttributes = ['endpoint', 'surface', 'session', 'lang', 'token', 'link', 'plain-link'];

  #root = this.attachShadow({ mode: 'open' });
  /** @type {(() => Promise<string> | string) | null} */
  #getToken = null;
  /** @type {Promise<string> | null} */
  #token = null;
  /** @type {Offer | null} */
  #offer = null;
  /** @type {AbortController | null} */
  #asking = null;
  /** @type {AbortController | null} */
  #watching = null;
  #planned = false;
  /** @type {string | null} the offer that was confirmed */
  #seen = null;
  /** Until when it may be seen for the first time. */
  #until = 0;
  #warned = false;

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [sheet];
  }

  /** Gives the member's token: called before the first request, and again when one is refused. */
  get getToken() {
    return this.#getToken;
  }

  set getToken(give) {
    this.#getToken = give;
    this.#token = null;
    if (!this.#offer) this.#plan();
  }

  connectedCallback() {
    // Set before this module had come, it hides the property of the class.
    if (Object.hasOwn(this, 'getToken')) {
      const give = this.getToken;
      Reflect.deleteProperty(this, 'getToken');
      this.getToken = give;
    }
    if (this.#offer) this.#watch();
    else {
      this.hidden = true;
      this.#plan();
    }
  }

  disconnectedCallback() {
    this.#stop();
  }

  /** Nobody waits for an answer any more, nor for the prompt to be seen. */
  #stop() {
    this.#asking?.abort();
    this.#asking = null;
    this.#watching?.abort();
  }

  /**
   * @param {string} name
   * @param {string | null} before
   * @param {string | null} now
   */
  attributeChangedCallback(name, before, now) {
    if (before === now) return;
    if (name === 'token') {
      if (!this.#offer) this.#plan();
    } else if (name.endsWith('link')) {
      if (this.#offer && !over.has(this.#offer.offer)) this.#render(this.#offer.prompt);
    } else this.#plan();
  }

  /** Ask soon: what changes together is one question. */
  #plan() {
    if (this.#planned) return;
    this.#planned = true;
    queueMicrotask(() => {
      this.#planned = false;
      if (this.isConnected) this.#ask();
    });
  }

  async #ask() {
    this.#stop();
    this.#offer = null;
    this.#leave();
    // Whoever sets it later asks by setting it.
    if (!this.#getToken && !this.getAttribute('token')) return;
    const asking = (this.#asking = new AbortController());
    let late = 0;
    let found = null;
    try {
      const variables = { surface: this.#needed('surface'), session: this.#needed('session') };
      await inFront(asking.signal);
      late = setTimeout(() => asking.abort(new Error('the answer came too late')), PATIENCE);
      const asked = { ...variables, language: this.#language };
      found = (await this.#send('IkuseiOffer', asked, asking.signal)).offerPrompt;
    } catch (error) {
      if (this.#asking === asking) this.#warn(error);
    } finally {
      clearTimeout(late);
    }
    if (this.#asking !== asking) return;
    if (found?.__typename === 'Offered' && !over.has(found.offer)) this.#show(found);
    else this.#emit('nothing');
  }

  /** @param {string} name */
  #needed(name) {
    const value = this.getAttribute(name);
    if (!value) throw new Error(`the attribute "${name}" is missing`);
    return value;
  }

  get #language() {
    const lang = this.closest('[lang]')?.getAttribute('lang') || document.documentElement.lang;
    // Of any other language the service knows better what the member reads.
    return { ja: 'JA', en: 'EN' }[lang.slice(0, 2).toLowerCase()] ?? null;
  }

  /**
   * @param {keyof typeof documents} operationName
   * @param {Record<string, unknown>} variables
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>}
   */
  async #send(operationName, variables, signal) {
    const address = new URL(this.getAttribute('endpoint') || new URL('/graphql', import.meta.url), document.baseURI);
    const body = JSON.stringify({ operationName, query: documents[operationName], variables });
    for (let again = false; ; again = true) {
      if (again) this.#token = null;
      const token = await this.#credential();
      signal?.throwIfAborted();
      const response = await fetch(address, {
        method: 'POST',
        headers: {
          accept: 'application/graphql-response+json',
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
        },
        body,
        credentials: 'omit',
        // An outcome is told though the page goes.
        keepalive: !signal,
        signal,
      });
      if (response.status === 401 && this.#getToken && !again) continue;
      const { data, errors } = await response.json();
      if (!data || errors) {
        const code = errors?.[0]?.extensions?.code ?? '';
        throw new Error(`the service answered ${response.status} ${code}`);
      }
      const refused = Object.values(data).some((one) => one?.__typename === 'NotPossible');
      if (refused) throw new Error(`the service refused ${operationName}`);
      return data;
    }
  }

  async #credential() {
    if (!this.#getToken) return this.getAttribute('token');
    try {
      return await (this.#token ??= Promise.resolve(this.#getToken()));
    } catch (error) {
      this.#token = null;
      throw error;
    }
  }

  /** @param {Offer} offer */
  #show(offer) {
    this.#offer = offer;
    this.#until = Math.max(Date.parse(offer.prompt.validUntil), Date.now() + LEAST);
    this.#render(offer.prompt);
    this.hidden = false;
    this.#watch();
  }

  /** @param {Prompt} prompt */
  #render(prompt) {
    const text = TEXTS[prompt.language];
    const mark = document.createElement('slot');
    mark.name = 'mark';
    mark.append(drawn(SPROUT));
    const title = made('p', 'title', prompt.title);
    title.id = 'title';
    const words = made('div', 'text', made('p', 'body', prompt.body));
    const named = prompt.item?.title;
    // A message may name it, and cuts a long one.
    const told = `${prompt.title}${prompt.body}`;
    if (named && !told.includes(named.slice(0, 40).trim())) words.append(made('p', 'item', named));
    words.append(
      made('div', 'actions', this.#action(prompt), this.#button('later', text.later, () => this.#snooze(text))),
    );
    const refuse = made(
      'p',
      'refuse',
      this.#button('small opt-out', prompt.optOut, (button) => this.#refuse(button, false)),
      this.#button('small opt-out-all', prompt.optOutAll, (button) => this.#refuse(button, true)),
    );
    const why = made('p', 'why', made('b', 'why-label', text.why), prompt.why);
    const close = this.#close(text.close, () => this.#dismiss());
    const card = made('section', 'card', made('div', 'mark', mark), title, words, close, this.#note());
    card.append(made('div', 'fine', why, refuse));
    card.lang = prompt.language.toLowerCase();
    card.setAttribute('aria-labelledby', 'title');
    this.#root.replaceChildren(card);
    if (this.#watching && !this.#watching.signal.aborted) this.#watch();
  }

  /** There before it says anything, or what it says is not announced. */
  #note() {
    const note = made('p', 'note');
    note.setAttribute('role', 'status');
    note.tabIndex = -1;
    return note;
  }

  /**
   * @param {string} name
   * @param {string} text
   * @param {(button: HTMLButtonElement) => void} pressed
   */
  #button(name, text, pressed) {
    const button = made('button', name, text);
    button.type = 'button';
    button.addEventListener('click', () => {
      if (!button.ariaDisabled) pressed(button);
    });
    return button;
  }

  /**
   * @param {string} text
   * @param {() => void} pressed
   */
  #close(text, pressed) {
    const button = this.#button('close', '', pressed);
    button.ariaLabel = text;
    button.append(drawn(CROSS));
    return button;
  }

  /**
   * A link where the page says whereto, else a button of which the page hears.
   *
   * @param {Prompt} prompt
   */
  #action(prompt) {
    const href = this.#address(prompt);
    if (!href) return this.#button('action', prompt.action, () => this.#follow());
    const link = made('a', 'action', prompt.action);
    link.href = href;
    const followed = (/** @type {MouseEvent} */ event) => {
      if (event.button > 1) return;
      const here = !(event.button || event.ctrlKey || event.metaKey || event.shiftKey);
      if (!this.#follow(here)) event.preventDefault();
    };
    link.addEventListener('click', followed);
    link.addEventListener('auxclick', followed);
    return link;
  }

  /** @param {Prompt} prompt */
  #address({ kind, item }) {
    const template = this.getAttribute(item ? 'link' : 'plain-link');
    if (!template) return null;
    /** @type {Record<string, unknown>} */
    const values = { ...item, kind };
    const filled = template.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(`${values[name] ?? ''}`));
    const url = URL.canParse(filled, document.baseURI) ? new URL(filled, document.baseURI) : null;
    return url && /^https?:$/.test(url.protocol) ? url.href : null;
  }

  /** Confirm that it was seen, once half of it has been in view for a second. */
  #watch() {
    this.#watching?.abort();
    const card = this.#root.querySelector('section');
    const offer = this.#offer?.offer;
    if (!card || !offer || offer === this.#seen || over.has(offer)) return;
    const { signal } = (this.#watching = new AbortController());
    let inView = false;
    let timer = 0;
    const done = () => {
      if (!(card.checkVisibility?.({ opacityProperty: true, visibilityProperty: true }) ?? true)) {
        timer = setTimeout(done, SEEN);
        return;
      }
      this.#seen = offer;
      this.#watching?.abort();
      this.#tell('SHOWN');
      this.#emit('shown');
    };
    const look = () => {
      clearTimeout(timer);
      if (!inView || document.visibilityState !== 'visible' || signal.aborted) return;
      if (Date.now() <= this.#until) timer = setTimeout(done, SEEN);
      else this.#ask();
    };
    const observer = new IntersectionObserver(
      (entries) => {
        const { intersectionRatio, intersectionRect, rootBounds } = entries[entries.length - 1];
        // What is taller than two windows is never half in view.
        const fills = intersectionRect.height >= (rootBounds?.height ?? Infinity) / 2;
        if (inView === (inView = intersectionRatio >= 0.5 || fills)) return;
        look();
      },
      { threshold: Array.from({ length: 21 }, (_, n) => n / 20) },
    );
    observer.observe(card);
    document.addEventListener('visibilitychange', look, { signal });
    signal.addEventListener('abort', () => {
      observer.disconnect();
      clearTimeout(timer);
    });
  }

  /**
   * Whether the page lets the link go where it leads; into another tab or window it always may.
   *
   * @param {boolean} [here]
   */
  #follow(here = true) {
    this.#tell('FOLLOWED');
    const goes = this.#emit('follow', {}, here);
    this.#end();
    // The link must be there until the browser has gone after it.
    setTimeout(() => this.#leave());
    return goes;
  }

  #dismiss() {
    this.#tell('DISMISSED');
    this.#emit('dismiss');
    this.#end();
    this.#leave();
  }

  /** @param {typeof TEXTS['EN']} text */
  #snooze(text) {
    this.#tell('SNOOZED');
    this.#emit('snooze');
    this.#end();
    this.#say(text.snoozed, text.close);
  }

  /**
   * Opting out is done when the service says so, and not before.
   *
   * @param {HTMLButtonElement} button
   * @param {boolean} all
   */
  async #refuse(button, all) {
    if (!this.#offer) return;
    const { offer, prompt } = this.#offer;
    const text = TEXTS[prompt.language];
    if (!(await this.#tried(button, 'IkuseiRefuse', { offer, all }))) return;
    // The page may have gone on to something else in the meantime.
    over.add(offer);
    if (this.#offer?.offer !== offer) return;
    this.#watching?.abort();
    this.#emit('opt-out', { all });
    const undo = this.#button('small undo', text.undo, async (pressed) => {
      if (!(await this.#tried(pressed, 'IkuseiAllow', { kind: prompt.kind, all }))) return;
      this.#emit('opt-in', { all });
      this.#say(text.allowed, text.close);
    });
    this.#say(all ? text.refusedAll : text.refused, text.close, undo);
  }

  /**
   * Whether the service took what a button asks for; where it did not, that is said.
   *
   * @param {HTMLButtonElement} button
   * @param {keyof typeof documents} name
   * @param {Record<string, unknown>} variables
   */
  async #tried(button, name, variables) {
    const note = this.#root.querySelector('.note');
    button.ariaDisabled = 'true';
    if (note) note.textContent = '';
    try {
      await this.#send(name, variables);
      return true;
    } catch (error) {
      this.#warn(error);
      if (note && this.#offer) note.textContent = TEXTS[this.#offer.prompt.language].failed;
      return false;
    } finally {
      button.ariaDisabled = null;
    }
  }

  /**
   * A word in place of the prompt, with the focus where it was inside.
   *
   * @param {string} words
   * @param {string} close
   * @param {...Node} more
   */
  #say(words, close, ...more) {
    const card = this.#root.querySelector('section');
    const note = card?.querySelector('.note');
    if (!card || !(note instanceof HTMLElement)) return;
    const focused = this.#root.activeElement;
    for (const child of [...card.children]) if (child !== note) child.remove();
    card.append(...more, this.#close(close, () => this.#leave()));
    card.classList.add('done');
    card.removeAttribute('aria-labelledby');
    card.ariaLabel = words;
    note.textContent = words;
    if (focused) note.focus();
  }

  /** Nothing more is to be learned of the offer. */
  #end() {
    if (this.#offer) over.add(this.#offer.offer);
    this.#watching?.abort();
  }

  #leave() {
    this.hidden = true;
    this.#root.replaceChildren();
  }

  /** @param {'SHOWN' | 'FOLLOWED' | 'DISMISSED' | 'SNOOZED'} outcome */
  async #tell(outcome) {
    const offer = this.#offer?.offer;
    for (const pause of [...PAUSES, null]) {
      try {
        await this.#send('IkuseiAcknowledge', { offer, outcome });
        return;
      } catch (error) {
        if (pause === null) return this.#warn(error);
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  /**
   * @param {string} name
   * @param {object} [more]
   */
  #emit(name, more, cancelable = false) {
    const about = this.#offer;
    const detail = about ? { offer: about.offer, kind: about.prompt.kind, item: about.prompt.item, ...more } : null;
    const init = { bubbles: true, composed: true, cancelable, detail };
    return this.dispatchEvent(new CustomEvent(`ikusei-${name}`, init));
  }

  /** @param {unknown} error */
  #warn(error) {
    if (this.#warned) return;
    this.#warned = true;
    console.warn('ikusei-prompt:', error instanceof Error ? error.message : error);
  }
}

if (!customElements.get('ikusei-prompt')) customElements.define('ikusei-prompt', IkuseiPrompt);
