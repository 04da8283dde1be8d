// What a browser makes of a report's page, for tests/pictures: findings as JSON, or pictures of it.
//
//   node browser.mjs check TOOLS CHROMIUM PAGE
//   node browser.mjs time TOOLS CHROMIUM PAGE
//   node browser.mjs shoot TOOLS CHROMIUM PAGE ANCHOR FOLDER
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [task, tools, executablePath, page, anchor, folder] = process.argv.slice(2);
const require = createRequire(`${tools}/`);
const { chromium } = require('playwright-core');
const url = pathToFileURL(page).href;

const browser = await chromium.launch({
  executablePath,
  chromiumSandbox: process.getuid() !== 0,
  args: ['--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

// All that happened behind the page's back.
const watch = (tab, events) => {
  tab.on('request', request => request.url() === url || events.push(`request of ${request.url()}`));
  tab.on('websocket', socket => events.push(`socket to ${socket.url()}`));
  tab.on('console', message => events.push(`console: ${message.text()}`));
  tab.on('pageerror', error => events.push(`script: ${error}`));
  tab.on('dialog', dialog => {
    events.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  tab.on('popup', () => events.push('another page was opened'));
  tab.on('download', () => events.push('a file was downloaded'));
};

const opened = async (events, options) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const tab = await context.newPage();
  watch(tab, events);
  await tab.goto(url);
  return tab;
};

const check = async () => {
  const events = [];
  const tab = await opened(events);
  const rows = () => tab.locator('#all tbody tr').count();
  const all = await rows();
  const first = () => tab.locator('#all tbody tr').first().textContent();
  const newest = await first();
  await tab.locator('#all thead button').first().click();
  const oldest = await first();
  // By keys alone.
  await tab.locator('#words').focus();
  await tab.keyboard.type('no such word');
  await tab.waitForFunction(() => document.querySelector('output').textContent !== '');
  const found = { none: await rows() };
  await tab.locator('#words').fill('');
  await tab.keyboard.press('Enter');
  found.all = await rows();
  await tab.evaluate(() => document.querySelectorAll('details').forEach(it => { it.open = true; }));
  const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
  const violations = [];
  const examined = {};
  for (const [colorScheme, width] of [['light', 1280], ['dark', 1280], ['light', 390]]) {
    await tab.emulateMedia({ colorScheme });
    await tab.setViewportSize({ width, height: 900 });
    // What is not on the screen is not laid out, and would not be looked at.
    await tab.evaluate(() => document.querySelectorAll('article, tbody').forEach(it => {
      it.style.contentVisibility = 'visible';
    }));
    await tab.evaluate(axe);
    const { violations: found, passes } = await tab.evaluate(() => axe.run());
    examined[`${colorScheme} ${width}`] = passes.find(it => it.id === 'color-contrast')?.nodes.length ?? 0;
    for (const { id, impact, nodes } of found) {
      violations.push({ mode: `${colorScheme} ${width}`, id, impact, at: nodes.slice(0, 3).map(it => it.html.slice(0, 300)) });
    }
  }
  const wide = [];
  const cut = [];
  const cramped = [];
  for (const width of [320, 390, 768, 1280, 2560]) {
    await tab.setViewportSize({ width, height: 900 });
    const over = await tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (over > 0) wide.push({ width, over });
    // A cell's words may not stand on the next one's.
    cut.push(...await tab.evaluate(width => [...document.querySelectorAll('#all th, #all td, .plain th, .plain td')]
      .filter(it => it.offsetParent && !it.closest('.hear') && it.scrollWidth > it.clientWidth + 1)
      .map(it => `${width}: ${it.textContent}`).slice(0, 5), width));
    // Nor may a name have a letter a line, or half a table be beside the screen.
    cramped.push(...await tab.evaluate(width => [
      ...[...document.querySelectorAll('.repeats th')]
        .filter(it => it.offsetParent && it.clientWidth < 80 && it.clientHeight > 100),
      ...[...document.querySelectorAll('.scroll')].filter(it => it.scrollWidth > it.clientWidth + 1),
    ].map(it => `${width}: ${it.textContent.trim().slice(0, 60)}`).slice(0, 5), width));
  }
  const bare = await opened(events, { javaScriptEnabled: false });
  const without = await bare.locator('#all tbody tr:visible').count();
  const articles = await bare.locator('article:visible').count();
  const form = await bare.locator('#find:visible').count();
  return { events, rows: all, sorts: newest !== oldest || all < 2, found, violations, examined, wide, cut, cramped, without, articles, form };
};

// From asking for the page until it is laid out and painted.
const time = async () => {
  const rounds = [];
  for (let round = 0; round < 5; round += 1) {
    const tab = await opened([]);
    rounds.push(await tab.evaluate(() => new Promise(done => {
      requestAnimationFrame(() => setTimeout(() => done(performance.now())));
    })));
    await tab.context().close();
  }
  return { rounds };
};

const shoot = async () => {
  const shot = async (name, options, at) => {
    const tab = await opened([], options);
    if (at) {
      await tab.evaluate(at => {
        location.hash = at;
        document.getElementById(at).scrollIntoView();
      }, at);
    }
    await tab.waitForTimeout(300);
    await tab.screenshot({ path: `${folder}/${name}.png` });
    return tab;
  };
  const tab = await shot('report-wide', { viewport: { width: 1280, height: 1000 } });
  await shot('report-dark', { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' }, anchor);
  await shot('report-narrow', { viewport: { width: 390, height: 844 } });
  await shot('report-narrow-incident', { viewport: { width: 390, height: 844 } }, anchor);
  await tab.pdf({ path: `${folder}/report.pdf`, format: 'A4', margin: { top: '12mm', bottom: '12mm', left: '12mm', right: '12mm' } });
  return {};
};

try {
  console.log(JSON.stringify(await { check, time, shoot }[task]()));
} finally {
  await browser.close();
}
