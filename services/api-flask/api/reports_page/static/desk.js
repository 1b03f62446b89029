// Uploads the file, asks for the report, follows it, and shows what came of it.
const byId = (id) => document.getElementById(id);
const form = byId("ask");
const say = form.dataset; // what to say, in the page's language
const PAUSE = 500; // milliseconds between two looks at a report
const PATIENCE = 30000; // milliseconds for which a question is asked again that did not get through: networks change
const OVER = ["succeeded", "failed", "cancelled"];
let running = null;

async function call(path, options = {}) {
  const headers = { Authorization: `Bearer ${form.key.value.trim()}`, ...options.headers };
  const response = await reach(path, { ...options, headers });
  if (response.ok) return response;
  if (response.status === 429) {
    await pause(1000 * Number(response.headers.get("Retry-After") ?? 1));
    return call(path, options);
  }
  const problem = await response.json().catch(() => ({}));
  const faults = (problem.faults ?? problem.errors ?? []).map((fault) => `${fault.line ? `${say.line} ${fault.line}` : fault.field}: ${fault.message}`);
  throw new Error([problem.detail ?? problem.title ?? `${say.answered} ${response.status}`, ...faults].join("\n"));
}

async function reach(path, options) {
  const repeatable = !options.method || "Idempotency-Key" in options.headers;
  for (const until = Date.now() + PATIENCE; ; await pause(PAUSE)) {
    const response = await fetch(path, options).catch(() => null);
    if (response) return response;
    if (!repeatable || Date.now() > until) throw new Error(say.unreachable);
  }
}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

function show(state, progress) {
  byId("run").hidden = false;
  byId("state").textContent = state;
  byId("progress").value = progress;
}

async function upload() {
  show(say.uploading, 0);
  const file = form.file.files[0];
  const query = new URLSearchParams({ name: file.name, columns: form.columns.value });
  const sent = await call(`/api/v1/datasets/?${query}`, { method: "POST", headers: { "Content-Type": "text/csv" }, body: file });
  return sent.json();
}

async function requestReport(dataset) {
  const wanted = { dataset, group_by: form.group_by.value, measure: form.measure.value, value: form.value.value || null };
  const headers = { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID?.() ?? `${dataset}-${Date.now()}` };
  return (await call("/api/v1/reports/", { method: "POST", headers, body: JSON.stringify(wanted) })).json();
}

async function follow(report) {
  while (!OVER.includes(report.state)) {
    show(`${say[report.state]}, ${report.progress} %`, report.progress);
    await pause(PAUSE);
    report = await (await call(`/api/v1/reports/${report.id}`)).json();
  }
  show(say[report.state], report.progress);
  if (report.state === "failed") throw new Error(report.problem ?? say.broken);
  return report;
}

function row(kind, cells) {
  const line = document.createElement("tr");
  for (const cell of cells) line.append(Object.assign(document.createElement(kind), { textContent: cell }));
  return line;
}

async function present(report) {
  const result = await (await call(report.links.result)).json();
  byId("head").replaceChildren(row("th", result.columns));
  byId("rows").replaceChildren(...result.rows.map((cells) => row("td", cells)));
  byId("chart").src = URL.createObjectURL(await (await call(report.links.chart)).blob());
  byId("chart").alt = `${say.chart}: ${report.measure}, ${report.group_by}`;
  byId("csv").href = URL.createObjectURL(await (await call(report.links.csv)).blob());
  byId("result").hidden = false;
}

function complain(error) {
  byId("problem").textContent = error.message;
  byId("problem").hidden = false;
  byId("run").hidden = true; // nothing goes on any more
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  byId("problem").hidden = byId("result").hidden = true;
  form.querySelector("[type=submit]").disabled = true;
  try {
    const dataset = await upload();
    running = await requestReport(dataset.id);
    byId("cancel").hidden = false;
    const report = await follow(running);
    if (report.links) await present(report);
  } catch (error) {
    complain(error);
  } finally {
    byId("cancel").hidden = true;
    form.querySelector("[type=submit]").disabled = false;
  }
});

byId("cancel").addEventListener("click", () => call(`/api/v1/reports/${running.id}/cancel`, { method: "POST" }).catch(complain));

// Without this program the browser would send the form itself, with the key in the address.
form.querySelector("[type=submit]").disabled = false;
