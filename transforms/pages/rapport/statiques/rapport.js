// Sorting, filters and charts of the report. Everything is read from the tables of the page: without this script the
// same figures are there, as plain tables.
"use strict";
(() => {
  const texte = (cellule) => cellule.dataset.v ?? (cellule.firstChild ? cellule.firstChild.textContent.trim() : "");

  // « 1 234,5 % », « 01/04/2026 », « — » → number, sortable date or null; anything else stays a text.
  const valeur = (cellule) => {
    const t = texte(cellule);
    if (t === "" || t.startsWith("—")) return null;
    const jour = /^(\d{2})\/(\d{2})\/(\d{4})$/.exec(t);
    if (jour) return Date.UTC(jour[3], jour[2] - 1, jour[1]);
    const nombre = /^([+−-]?)([\d\s\u202f\u00a0]+(?:,\d+)?)[\s\u202f\u00a0]*(?:%|€)?(?: \([^)]*\))?$/.exec(t);
    if (!nombre) return t;
    const n = Number(nombre[2].replace(/[\s\u202f\u00a0]/g, "").replace(",", "."));
    return nombre[1] && nombre[1] !== "+" ? -n : n;
  };

  const ordre = new Intl.Collator("fr", { numeric: true, sensitivity: "base" });
  const comparer = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return ordre.compare(String(a), String(b));
  };

  function rendreTriable(table) {
    const corps = table.tBodies[0];
    [...table.tHead.rows[0].cells].forEach((entete, rang) => {
      if (entete.hasAttribute("data-fixe")) return;
      const bouton = document.createElement("button");
      bouton.type = "button";
      bouton.append(...entete.childNodes);
      entete.append(bouton);
      bouton.addEventListener("click", () => {
        const sens = entete.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        for (const autre of table.tHead.rows[0].cells) autre.removeAttribute("aria-sort");
        entete.setAttribute("aria-sort", sens === 1 ? "ascending" : "descending");
        const lignes = [...corps.rows].map((ligne) => [valeur(ligne.cells[rang]), ligne]);
        lignes.sort(([a], [b]) => {
          if (a === null || b === null) return (a === null) - (b === null);
          return sens * comparer(a, b);
        });
        corps.append(...lignes.map(([, ligne]) => ligne));
      });
    });
  }

  function rendreFiltrable(table) {
    const lignes = [...table.tBodies[0].rows];
    if (lignes.length < 12) return;
    const barre = document.createElement("div");
    barre.className = "filtres";
    const total = document.createElement("output");
    total.setAttribute("aria-live", "polite");
    const champ = (libelle, controle) => {
      const etiquette = document.createElement("label");
      etiquette.append(libelle, controle);
      barre.append(etiquette);
      controle.addEventListener("input", appliquer);
      return controle;
    };
    const cherche = champ("Rechercher dans le tableau", Object.assign(document.createElement("input"), { type: "search" }));
    const listes = [];
    [...table.tHead.rows[0].cells].forEach((entete, rang) => {
      if (!entete.hasAttribute("data-filtre")) return;
      const liste = document.createElement("select");
      const valeurs = new Set(lignes.map((ligne) => texte(ligne.cells[rang])));
      liste.append(new Option("Tous", ""), ...[...valeurs].sort(ordre.compare).map((v) => new Option(v, v)));
      listes.push([champ(entete.textContent, liste), rang]);
    });
    const simplifier = (t) => t.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
    let contenus = null;
    function appliquer() {
      // Not before somebody searches: thousands of rows would hold up the page.
      if (cherche.value && !contenus) contenus = lignes.map((ligne) => simplifier(ligne.textContent));
      const mots = simplifier(cherche.value).split(/\s+/).filter(Boolean);
      let vues = 0;
      lignes.forEach((ligne, i) => {
        const vue = mots.every((mot) => contenus[i].includes(mot))
          && listes.every(([liste, rang]) => !liste.value || texte(ligne.cells[rang]) === liste.value);
        ligne.hidden = !vue;
        vues += vue;
      });
      compter(vues);
    }
    function compter(vues) {
      total.textContent = `${vues} ligne${vues > 1 ? "s" : ""} sur ${lignes.length}`;
    }
    barre.append(total);
    (table.closest(".defile") ?? table).before(barre);
    compter(lignes.length);
  }

  const fr = new Intl.NumberFormat("fr-FR", { maximumFractionDigits: 1 });
  const pourcent = (v) => `${fr.format(v)}\u00a0%`;
  const jourFr = (d) => new Date(d).toLocaleDateString("fr-FR", { timeZone: "UTC" });
  const moisFr = (d) => new Date(d).toLocaleDateString("fr-FR", { timeZone: "UTC", month: "short", year: "2-digit" });
  const POLICE = { fontFamily: "inherit", fontSize: "12px", overflow: "visible" };
  const BLEU = "#123a7a";
  const ENCRE = "#1b1f2a";

  const AMBRE = "#7a4a00";

  const cibleMarquee = (cible, regle) => (cible ? [regle([cible], { stroke: ENCRE, strokeDasharray: "4 3" })] : []);

  const essms = (n) => (n === null ? "" : ` (${fr.format(n)}\u00a0ESSMS)`);
  const etendue = (nombres) => {
    if (!nombres.length) return "aucun ESSMS";
    const [mini, maxi] = [Math.min(...nombres), Math.max(...nombres)];
    return mini === maxi ? `${fr.format(maxi)}\u00a0ESSMS` : `de ${fr.format(mini)} à ${fr.format(maxi)}\u00a0ESSMS`;
  };

  function courbe(points, cible, largeur, panel) {
    const connus = points.filter((p) => p.y !== null);
    const constants = panel.filter((p) => p.y !== null);
    const plafond = Math.max(100, ...connus.map((p) => p.y), ...constants.map((p) => p.y));
    const [debut, fin] = [points[0].x, points[points.length - 1].x];
    return Plot.plot({
      width: largeur, height: 170, marginLeft: 34, marginRight: 18, style: POLICE,
      x: {
        type: "utc", label: null, domain: debut === fin ? [debut - 864e5, fin + 864e5] : [debut, fin],
        ticks: debut === fin ? [debut] : [debut, fin], tickFormat: moisFr,
      },
      y: { domain: [0, plafond], ticks: [0, 50, 100], label: null, grid: true },
      marks: [
        ...cibleMarquee(cible, Plot.ruleY),
        Plot.line(panel, { x: "x", y: "y", stroke: AMBRE, strokeWidth: 2, strokeDasharray: "2 3" }),
        Plot.dot(constants, { x: "x", y: "y", stroke: AMBRE, fill: "white", r: points.length > 12 ? 2 : 3 }),
        Plot.line(points, { x: "x", y: "y", stroke: BLEU, strokeWidth: 2 }),
        Plot.dot(connus, { x: "x", y: "y", fill: BLEU, r: points.length > 12 ? 2 : 3 }),
        Plot.tip([...connus, ...constants.map((p) => ({ ...p, de: "panel constant : " }))],
          Plot.pointer({ x: "x", y: "y", ariaLabel: null,
            title: (p) => `${jourFr(p.x)}\n${p.de ?? ""}${pourcent(p.y)}${essms(p.n)}` })),
      ],
    });
  }

  function barres(points, cible, largeur) {
    const plafond = Math.max(100, ...points.map((p) => p.y ?? 0));
    return Plot.plot({
      width: largeur, height: 34 + 24 * points.length, marginLeft: 46, marginRight: 44, style: POLICE,
      x: { domain: [0, plafond], ticks: [0, 50, 100], label: null, grid: true },
      y: { label: null, domain: points.map((p) => p.x), tickSize: 0 },
      marks: [
        Plot.barX(points, { y: "x", x: "y", fill: BLEU, insetTop: 2, insetBottom: 2 }),
        ...cibleMarquee(cible, Plot.ruleX),
        Plot.text(points, { y: "x", x: (p) => p.y ?? 0, text: (p) => (p.y === null ? "—" : pourcent(p.y)), textAnchor: "start", dx: 4,
          fill: ENCRE, stroke: "white", strokeWidth: 4 }),
      ],
    });
  }

  function dessiner(hote) {
    const table = document.getElementById(hote.dataset.graphique);
    const enCourbe = hote.dataset.forme === "courbe";
    // In a curve of sums each cell says, under its rate, how many structures it adds.
    const nombre = (cellule) => (cellule.querySelector("small") ? parseInt(cellule.querySelector("small").textContent.replace(/\s/g, ""), 10) : null);
    const lire = (id, rang) => {
      const points = [...document.getElementById(id).tBodies[0].rows].map((ligne) => (
        { x: valeur(ligne.cells[0]), y: valeur(ligne.cells[rang]), n: enCourbe ? nombre(ligne.cells[rang]) : null }));
      return enCourbe ? points.sort((a, b) => a.x - b.x) : points;
    };
    const dessins = [];
    [...table.tHead.rows[0].cells].forEach((entete, rang) => {
      if (!entete.hasAttribute("data-cible")) return;
      const points = lire(hote.dataset.graphique, rang);
      const panel = hote.dataset.panel ? lire(hote.dataset.panel, rang) : [];
      if (!points.some((p) => p.y !== null)) return;
      const figure = document.createElement("figure");
      const legende = document.createElement("figcaption");
      const cible = Number(entete.dataset.cible);
      legende.append(entete.textContent);
      const noter = (textContent) => legende.append(Object.assign(document.createElement("small"), { textContent }));
      const ajoutes = points.filter((p) => p.y !== null && p.n !== null).map((p) => p.n);
      if (cible) noter(`cible ${pourcent(cible)}`);
      if (ajoutes.length) noter(etendue(ajoutes));
      if (panel.length) noter(`panel constant : ${etendue(panel.filter((p) => p.y !== null).map((p) => p.n))}`);
      figure.append(legende);
      hote.append(figure);
      dessins.push([figure, points, cible, entete.textContent, panel]);
    });
    // Drawn once all are in place: only then is their width known.
    for (const [figure, points, cible, titre, panel] of dessins) {
      const svg = (enCourbe ? courbe : barres)(points, cible, figure.clientWidth, panel);
      const dire = (suite) => suite.filter((p) => p.y !== null)
        .map((p) => `${enCourbe ? jourFr(p.x) : p.x} : ${pourcent(p.y)}${essms(p.n)}`).join(" ; ");
      const dit = dire(points) + (panel.length ? `. Panel constant : ${dire(panel)}` : "");
      const dite = cible ? ` Cible ${pourcent(cible)}.` : "";
      // The library names the parts of its drawing in English, for nobody: the drawing has one name and its table.
      svg.querySelectorAll("[aria-label]").forEach((partie) => partie.removeAttribute("aria-label"));
      svg.setAttribute("role", "img");
      svg.setAttribute("aria-label", `${titre}. ${dit}.${dite} Valeurs dans le tableau qui suit.`);
      figure.append(svg);
    }
  }

  // A table wider than the screen scrolls on its own: only then does it take a stop of the keyboard.
  function rendreDefilable() {
    document.querySelectorAll(".defile").forEach((boite) => {
      if (boite.scrollWidth > boite.clientWidth) {
        boite.tabIndex = 0;
        boite.setAttribute("role", "region");
        boite.setAttribute("aria-label", boite.querySelector("caption").textContent);
      } else ["tabindex", "role", "aria-label"].forEach((attribut) => boite.removeAttribute(attribut));
    });
  }

  const dossier = new URL("tiers/", document.currentScript.src);
  const charger = (nom) => new Promise((fini, rate) => {
    const script = Object.assign(document.createElement("script"), { src: new URL(nom, dossier).href, onload: fini, onerror: rate });
    document.head.append(script);
  });
  const hotes = document.querySelectorAll("[data-graphique]");
  // The library is only read by the pages that have a chart; without it the tables remain.
  if (hotes.length) charger("d3.min.js").then(() => charger("plot.umd.min.js")).then(() => hotes.forEach(dessiner));
  document.querySelectorAll("table.triable").forEach((table) => {
    rendreTriable(table);
    rendreFiltrable(table);
  });
  rendreDefilable();
  addEventListener("resize", rendreDefilable);
})();
