import { start } from "../shell.js";

start((data, page) => {
  page.subtitle.textContent = `${data.steps.length} steps`;
});
