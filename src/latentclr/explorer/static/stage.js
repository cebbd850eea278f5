element.addEventListener("click", (event) => {
  const tile = event.target.closest("[data-seed]");
  if (tile) trigger("click", { seed: Number(tile.dataset.seed) });
});
element.addEventListener("photo", (event) => trigger("click", { photo: event.detail }));
