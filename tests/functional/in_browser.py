# SPDX-License-Identifier: Apache-2.0
"""What tests of the dashboard have in common: a browser that begins at the log-in, and what is looked at
of every page."""

from browser import Browser

# What a text node has less contrast than WCAG 2.2, 1.4.3 asks for: 4.5, and 3 for what is large.
TOO_PALE = """(() => {
  const channels = (colour) => colour.match(/[0-9.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = channels(colour).map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if ((channels(colour)[3] ?? 1) === 1) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const judge = (said, style, one) => {
    const [a, b] = [light(style.color), light(behind(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    return ratio < (large ? 3 : 4.5) ? [`${said}: ${style.color} on ${behind(one)} is ${ratio.toFixed(2)}`] : [];
  };
  const found = [];
  const root = document.querySelector("dialog") ?? document.body;
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  let count = 0;
  while (walker.nextNode()) {
    const { parentElement: one, data } = walker.currentNode;
    if (!data.trim() || !one.checkVisibility()) continue;
    count += 1;
    found.push(...judge(data.trim().slice(0, 40), getComputedStyle(one), one));
  }
  for (const one of root.querySelectorAll("input, textarea, select")) {
    found.push(...judge(`the text of ${one.name}`, getComputedStyle(one), one));
    found.push(...judge(`the hint in ${one.name}`, getComputedStyle(one, "::placeholder"), one));
  }
  for (const one of root.querySelectorAll("td[data-title]")) {
    found.push(...judge("a title of a cell", getComputedStyle(one, "::before"), one));
  }
  return {count, found};
})()"""


class InBrowser:
    """One browser for a class of tests; what it asked for and complained of is looked at after each."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.browser = Browser(cls.bed, "h1")
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        super().setUp()
        self.browser.new_page()
        self.browser.screen(1280)
        self.browser.open(f"{self.asked().url}/ui")
        self.browser.wait_text("Log in")

    def tearDown(self):
        own = (self.asked().url, f"blob:{self.asked().url}/", "about:")
        self.assertEqual([], [url for url in self.browser.requests if not url.startswith(own)])
        self.assertEqual([], self.browser.complaints)
        super().tearDown()

    def log_in(self, namespace, key):
        self.browser.fill("namespace", namespace)
        self.browser.fill("key", key)
        self.browser.press("Enter")
        self.browser.wait_text("Log out")

    def view(self, *path):
        self.browser.open(f"{self.asked().url}/ui#/{'/'.join(path)}")
