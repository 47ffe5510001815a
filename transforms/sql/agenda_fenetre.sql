-- §4.1 "the rows of the latest extraction that contains (finess_et, id_dossier, id_evenement) replace the earlier ones";
-- §6.5 "≥ 1 agenda event, not annule, whose day is in the window." One row per event row that counts.
WITH lignes AS (
    SELECT
        finess_et,
        id_dossier,
        debut,
        statut,
        ordre,
        MAX(ordre) OVER (PARTITION BY finess_et, id_dossier, id_evenement) AS dernier_ordre
    FROM depose_agenda
)

SELECT
    l.finess_et,
    l.id_dossier
FROM lignes AS l
INNER JOIN fenetres AS f ON f.finess_et = l.finess_et
WHERE
    l.ordre = l.dernier_ordre
    AND l.statut <> 'annule'
    AND CAST(l.debut AS DATE) BETWEEN f.debut_fenetre AND f.fin_fenetre
