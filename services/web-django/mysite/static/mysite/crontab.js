// Says in words, below the field, when the chosen crontab is due.
"use strict";

const words = JSON.parse(document.getElementById("readable-crontabs").textContent);
const chosen = document.getElementById("id_crontab");
const row = document.querySelector(".field-crontab");
const other = document.querySelector(".field-crontab_translation");

if (other) other.hidden = true; // it says the same of what is stored
if (chosen && row) {
  const line = document.createElement("div");
  line.className = "help";
  row.append(line);
  const tell = () => { line.textContent = words[chosen.value] ?? ""; };
  django.jQuery(chosen).on("change", tell); // the menu that searches tells jQuery alone
  tell();
}
