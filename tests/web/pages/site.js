// What the pages of the site do: give tokens, and note what the widget tells.
window.heard = [];
const names = ['nothing', 'shown', 'follow', 'dismiss', 'snooze', 'opt-out', 'opt-in'];
for (const name of names) {
  document.addEventListener(`ikusei-${name}`, (event) => window.heard.push([name, event.detail]));
}
document.addEventListener('securitypolicyviolation', (event) =>
  window.heard.push(['violation', `${event.violatedDirective} ${event.blockedURI}`]),
);

window.getToken = async () => {
  const answer = await fetch('/ikusei-token');
  return answer.text();
};
for (const prompt of document.querySelectorAll('ikusei-prompt')) prompt.getToken = window.getToken;
