// Shows the value at the point of a line that is nearest to the pointer, or that the arrow keys reach.
(() => {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "status");
  document.querySelector(".glorot").append(tip);
  const hide = () => {
    tip.classList.remove("seen");
    document.querySelectorAll(".spot").forEach(spot => spot.remove());
  };
  const show = (line, place) => {
    hide();
    const [x, y] = line.points[place], sheet = line.path.ownerSVGElement;
    const spot = document.createElementNS(sheet.namespaceURI, "circle");
    for (const [name, value] of Object.entries({ class: "spot", cx: x, cy: y, r: 5 })) spot.setAttribute(name, value);
    line.path.after(spot);
    const at = spot.getBoundingClientRect(), wide = document.documentElement.clientWidth;
    tip.textContent = `${line.name}, ${line.values[place]}`;
    tip.classList.add("seen");
    tip.style.left = `${Math.max(4, Math.min(at.left - tip.offsetWidth / 2, wide - tip.offsetWidth - 4))}px`;
    tip.style.top = `${at.top - tip.offsetHeight - 6 > 0 ? at.top - tip.offsetHeight - 6 : at.bottom + 6}px`;
  };
  const read = path => {
    const title = path.querySelector("title"), name = path.dataset.name;
    path.setAttribute("aria-label", title.textContent);
    title.remove();
    const values = path.getAttribute("aria-label").slice(name.length + 2).split("; ");
    const points = path.getAttribute("d").slice(1).split("L").map(pair => pair.split(",").map(Number));
    return { path, name, values, points };
  };
  for (const sheet of document.querySelectorAll("svg.reads")) {
    const lines = [...sheet.querySelectorAll("path")].map(read);
    sheet.addEventListener("pointermove", event => {
      const shift = lines[0].path.getScreenCTM().inverse();
      const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(shift);
      const far = (line, place) => Math.hypot(line.points[place][0] - x, line.points[place][1] - y);
      const all = lines.flatMap(line => line.values.map((_, place) => [far(line, place), line, place]));
      const [distance, line, place] = all.reduce((one, other) => (other[0] < one[0] ? other : one));
      if (distance < 40) show(line, place);
      else hide();
    });
    sheet.addEventListener("pointerleave", hide);
    for (const line of lines) {
      let place = line.values.length - 1;
      line.path.addEventListener("focus", () => show(line, place));
      line.path.addEventListener("blur", hide);
      line.path.addEventListener("keydown", event => {
        const last = line.values.length - 1;
        const to = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: last }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        place = Math.max(0, Math.min(to, last));
        show(line, place);
      });
    }
  }
})();
