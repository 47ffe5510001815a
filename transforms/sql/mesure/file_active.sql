-- §6.4 file active: "persons having a séjour with date_entree ≤ fin_fenetre and (date_sortie null or ≥ debut_fenetre):
-- present at the end of the window, plus definitive exits inside it, each once." (CNSA definition.)
SELECT DISTINCT
    p.finess_et,
    p.personne
FROM sejours_courants AS s
INNER JOIN personnes AS p ON p.finess_et = s.finess_et AND p.id_dossier = s.id_dossier
INNER JOIN fenetres AS f ON f.finess_et = s.finess_et
WHERE s.date_entree <= f.fin_fenetre AND (s.date_sortie IS NULL OR s.date_sortie >= f.debut_fenetre)
