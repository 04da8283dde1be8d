(() => {
  'use strict';
  const table = document.getElementById('all');
  if (!table) return;
  const CHUNK = 100;
  const rows = [...table.querySelectorAll('tbody tr')];
  const texts = new Map();
  const heads = [...table.querySelectorAll('thead th')];
  const form = document.getElementById('find');
  const input = form.querySelector('input');
  const output = form.querySelector('output');
  let order = rows;

  // A chunk that is not on the screen is not laid out: one of hidden rows would leave a gap.
  const show = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = row => {
      if (!texts.has(row)) texts.set(row, row.textContent.toLowerCase());
      return texts.get(row);
    };
    const shown = words.length ? order.filter(row => words.every(word => text(row).includes(word))) : order;
    for (const body of [...table.tBodies]) body.remove();
    for (let at = 0; at < shown.length; at += CHUNK) {
      table.createTBody().append(...shown.slice(at, at + CHUNK));
    }
    output.textContent = words.length ? `${shown.length} of ${rows.length}` : '';
  };

  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.v === undefined ? cell.textContent.toLowerCase() : Number(cell.dataset.v);
  };

  const sort = column => {
    const head = heads[column];
    const isUp = head.getAttribute('aria-sort') === 'descending' || !head.hasAttribute('aria-sort') && !head.classList.contains('n') && column > 0;
    for (const other of heads) other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', isUp ? 'ascending' : 'descending');
    // As they came they are in the order of time, the newest first.
    const keys = new Map(rows.map((row, index) => [row, column ? value(row, column) : -index]));
    const sign = isUp ? 1 : -1;
    order = [...rows].sort((a, b) => {
      const [x, y] = [keys.get(a), keys.get(b)];
      return x < y ? -sign : x > y ? sign : 0;
    });
    show();
  };

  heads.forEach((head, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = head.textContent;
    button.addEventListener('click', () => sort(column));
    head.replaceChildren(button);
  });
  heads[0].setAttribute('aria-sort', 'descending');

  let timer;
  input.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(show, 120);
  });
  form.addEventListener('submit', event => {
    event.preventDefault();
    show();
  });
  form.hidden = false;
})();
