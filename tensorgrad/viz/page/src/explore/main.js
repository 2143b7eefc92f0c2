// The page that steps backward through a program.
import { start } from "../shell.js";
import { Explorer } from "./explorer.js";
import { serve } from "./layouter.js";

// This script is the page, and once more the worker that lays out its graph.
if (typeof document === "undefined") serve();
else {
  const source = document.currentScript.textContent;
  start((data, page) => new Explorer(data, page, source));
}
