'use strict';
/* What the page adds where scripts run; every number stands in the page without it. Hover data are numbers and our own words. */
document.documentElement.classList.add('js');
const all = (query, within = document) => [...within.querySelectorAll(query)];
const group = n => (Math.round(n) + '').replace(/\B(?=(\d{3})+$)/g, ',');
const number = v => Math.abs(v) >= 100 ? group(v) : +v.toPrecision(3) + '';
const sum = list => list.reduce((a, b) => a + b, 0);
const share = (a, b) => {
  if (!b) return '–';
  const p = 100 * a / b;
  return (p >= 10 || !p ? p.toFixed(1) : p >= 1 ? p.toFixed(2) : +p.toPrecision(2)) + '\u202f%';
};

/* ---- charts: point at one, or focus it and use the arrow keys; the line above the chart says what is under the cursor.
 * e: edges of bars, or points of a curve; n: rows; c: of the corpus; u: their unit; op: the limit's direction */
const say = {
  limit(d, i) { // i: the edge left of bar i
    const total = sum(d.n), below = sum(d.n.slice(0, i)), keeps = d.op === '<' ? below : total - below;
    const name = d.op === '<' ? (d.whole ? '≤ ' + number(d.e[i] - 1) : '< ' + number(d.e[i])) : '≥ ' + number(d.e[i]);
    return `${name} would keep ${d.about}${group(keeps * d.scale)} of ${d.about}${group(total * d.scale)} rows (${share(keeps, total)})`;
  },
  bars(d, i) {
    const last = i === d.n.length - 1 && d.over, first = i === 0 && d.under, a = number(d.e[i]), b = number(d.whole ? d.e[i + 1] - 1 : d.e[i + 1]);
    const name = last ? `${a} and more` : first ? `up to ${b}` : a === b ? a : `${a} to ${b}`;
    return `${name} ${d.u}: ${group(d.n[i])} rows (${share(d.n[i], sum(d.n))}), of the corpus ${group(d.c[i])} (${share(d.c[i], sum(d.c))})`;
  },
  curve(d, i) {
    return `the ${group(d.e[i])} largest hold ${share(d.n[i], d.all)} of the rows, ${share(d.c[i], d.kept)} of the corpus`;
  }
};
for (const svg of all('[data-c]')) {
  const d = JSON.parse(svg.dataset.c), out = svg.closest('figure').querySelector('.readout'), rest = out.textContent;
  const stops = d.k === 'bars' ? d.n.length : d.k === 'limit' ? d.n.length + 1 : d.e.length;
  const f = d.log ? Math.log : v => v, from = f(d.e[0]), to = f(d.e[d.e.length - 1]);
  const x = v => to > from ? (f(v) - from) / (to - from) : 0;
  const at = i => d.k === 'bars' ? (x(d.e[i]) + x(d.e[i + 1])) / 2 : x(d.e[i]);
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'line');
  const set = (node, values) => { for (const k in values) node.setAttribute(k, values[k]); };
  svg.tabIndex = 0;
  set(svg, { role: 'slider', 'aria-valuemin': 0, 'aria-valuemax': stops - 1, 'aria-valuenow': stops >> 1, 'aria-valuetext': rest });
  let now = -1;
  const least = d.k === 'limit' && d.under ? 1 : 0, most = stops - 1 - (d.k === 'limit' && d.over ? 1 : 0); // outer bars hold more than their edges say
  const show = i => {
    now = Math.max(least, Math.min(most, i));
    const p = 100 * at(now) + '%';
    set(line, { x1: p, x2: p, y1: d.y[0], y2: d.y[1], class: 'cur' });
    svg.append(line);
    out.textContent = say[d.k](d, now);
    set(svg, { 'aria-valuenow': now, 'aria-valuetext': out.textContent });
  };
  const hide = () => { line.remove(); out.textContent = rest; now = -1; };
  svg.addEventListener('pointermove', event => {
    const box = svg.getBoundingClientRect(), p = (event.clientX - box.left) / box.width;
    let best = 0;
    for (let i = 1; i < stops; i++) if (Math.abs(at(i) - p) < Math.abs(at(best) - p)) best = i;
    show(best);
  });
  svg.addEventListener('pointerleave', hide);
  svg.addEventListener('blur', hide);
  svg.addEventListener('keydown', event => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: 10, PageDown: -10 }[event.key];
    if (event.key === 'Escape') hide();
    else if (step) { show(now < 0 ? stops >> 1 : now + step); event.preventDefault(); }
  });
}

/* ---- tables marked data-sort: a click on a head sorts, numbers first downwards */
for (const table of all('table[data-sort]')) {
  const heads = all('thead th', table), body = table.tBodies[0];
  heads.forEach((th, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...th.childNodes);
    th.append(button);
    button.addEventListener('click', () => {
      const down = th.getAttribute('aria-sort') !== 'descending';
      heads.forEach(head => head.removeAttribute('aria-sort'));
      th.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      const value = row => { const s = row.cells[column].textContent.replace(/^[≈<>≤]\s*/, ''), v = parseFloat(s.replace(/,/g, '')); return isNaN(v) ? s : v; };
      const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1);
      body.append(...[...body.rows].sort((a, b) => order(value(a), value(b))));
    });
  });
}

/* ---- contents: the section in view is marked; what is folded is opened for paper */
const links = new Map(all('nav a').map(a => [a.hash.slice(1), a]));
const mark = () => {
  let here = null;
  for (const id of links.keys()) if (document.getElementById(id).getBoundingClientRect().top < innerHeight / 3) here = id;
  links.forEach((a, id) => id === here ? a.setAttribute('aria-current', 'true') : a.removeAttribute('aria-current'));
};
addEventListener('scroll', mark, { passive: true });
mark();
addEventListener('beforeprint', () => all('details').forEach(d => { d.open = true; }));
