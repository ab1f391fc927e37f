// The grant's token: from the link's fragment into this tab's memory, and out of the address bar.
// A fragment is never sent to a server; sessionStorage ends with the tab.

const KEY = `agentd.token ${location.pathname}`;

export function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given !== null) {
    forgetFragment();
    if (given) keepToken(given);
  }
  try {
    return given || sessionStorage.getItem(KEY);
  } catch {
    return given; // Storage is blocked: the token lives as long as the page.
  }
}

export function keepToken(token) {
  try {
    sessionStorage.setItem(KEY, token);
  } catch { /* Blocked, as above. */ }
}

export function forgetToken() {
  try {
    sessionStorage.removeItem(KEY);
  } catch { /* Blocked, as above. */ }
}

function forgetFragment() {
  history.replaceState(null, "", location.pathname + location.search);
}
