// Swagger's style sheet has dark colours for a class alone; this sets the class where the reader prefers dark pages.
"use strict";

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
