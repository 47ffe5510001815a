-- §6.5 "A projet is en vigueur if (date_debut null or ≤ fin_fenetre) and, for en_preparation or actif, (date_fin null or
-- ≥ debut_fenetre); for termine, date_fin not null and ≥ debut_fenetre. Others never." Dossiers that have one.
SELECT DISTINCT
    p.finess_et,
    p.id_dossier
FROM projets_courants AS p
INNER JOIN fenetres AS f ON f.finess_et = p.finess_et
WHERE
    (p.date_debut IS NULL OR p.date_debut <= f.fin_fenetre)
    AND (
        (p.statut IN ('en_preparation', 'actif') AND (p.date_fin IS NULL OR p.date_fin >= f.debut_fenetre))
        OR (p.statut = 'termine' AND p.date_fin >= f.debut_fenetre)
    )
