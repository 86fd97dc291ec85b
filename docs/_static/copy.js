/* A copy button for each block of code. Of examples with prompts it copies the input alone. */
(function () {
  "use strict";

  const PYTHON = /^(>>> |\.\.\. |>>>$|\.\.\.$)/;

  function inputOf(text) {
    const lines = text.replace(/\n+$/, "").split("\n");
    if (lines.some((line) => line.startsWith(">>> "))) {
      return lines.filter((line) => PYTHON.test(line)).map((line) => line.slice(4)).join("\n");
    }
    if (!lines.some((line) => line.startsWith("$ "))) {
      return lines.join("\n");
    }
    const kept = [];
    let continued = false;
    for (const line of lines) {
      if (line.startsWith("$ ") || continued) {
        kept.push(line.replace(/^\$ /, ""));
        continued = line.endsWith("\\");
      }
    }
    return kept.join("\n");
  }

  document.addEventListener("DOMContentLoaded", function () {
    if (!navigator.clipboard) {
      return;
    }
    for (const block of document.querySelectorAll("div.highlight")) {
      const button = document.createElement("button");
      button.className = "copy";
      button.type = "button";
      button.textContent = "copy";
      button.setAttribute("aria-label", "Copy the code");
      button.addEventListener("click", async function () {
        await navigator.clipboard.writeText(inputOf(block.querySelector("pre").textContent));
        button.textContent = "copied";
        setTimeout(() => { button.textContent = "copy"; }, 1500);
      });
      block.appendChild(button);
    }
  });
})();
