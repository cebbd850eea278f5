element.addEventListener("click", (event) => {
  const tile = event.target.closest("[data-seed]");
  if (tile) trigger("click", { seed: Number(tile.dataset.seed) });
});
