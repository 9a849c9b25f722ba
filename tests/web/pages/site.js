// What the pages of the site do: say who the member is, and note what the widget tells.
const [, , member] = location.pathname.split('/');

window.heard = [];
const names = ['nothing', 'shown', 'follow', 'dismiss', 'snooze', 'opt-out', 'opt-in'];
for (const name of names) {
  document.addEventListener(`ikusei-${name}`, (event) => window.heard.push([name, event.detail]));
}
document.addEventListener('securitypolicyviolation', (event) =>
  window.heard.push(['violation', `${event.violatedDirective} ${event.blockedURI}`]),
);

window.getToken = async () => {
  const answer = await fetch(`/token/${member}`);
  return answer.text();
};
for (const prompt of document.querySelectorAll('ikusei-prompt')) prompt.getToken = window.getToken;
