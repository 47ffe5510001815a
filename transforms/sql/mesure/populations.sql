-- §6.4, §6.5 The populations of each ESSMS, step by step: dossiers known → whose person is accompanied in the window →
-- updated in the window → with a projet, with an agenda event. "A numerator or denominator is null when a table it needs
-- is not present": so is a step.
WITH presences AS (
    SELECT
        finess_et,
        MIN(CASE WHEN nom_table <> 'dossiers' OR presente THEN 1 ELSE 0 END) = 1 AS dossiers,
        MIN(CASE WHEN nom_table NOT IN ('dossiers', 'sejours') OR presente THEN 1 ELSE 0 END) = 1 AS sejours,
        MIN(CASE WHEN nom_table NOT IN ('dossiers', 'sejours', 'maj') OR presente THEN 1 ELSE 0 END) = 1 AS maj,
        MIN(CASE WHEN nom_table NOT IN ('dossiers', 'sejours', 'maj', 'projets') OR presente THEN 1 ELSE 0 END) = 1
            AS projets,
        MIN(CASE WHEN nom_table NOT IN ('dossiers', 'sejours', 'maj', 'agenda') OR presente THEN 1 ELSE 0 END) = 1
            AS agenda
    FROM sources
    GROUP BY finess_et
),

connus AS (
    SELECT
        finess_et,
        COUNT(*) AS dossiers,
        COUNT(DISTINCT personne) AS personnes
    FROM personnes
    GROUP BY finess_et
),

accompagnes AS (
    SELECT
        p.finess_et,
        COUNT(*) AS dossiers
    FROM personnes AS p
    INNER JOIN file_active AS a ON a.finess_et = p.finess_et AND a.personne = p.personne
    GROUP BY p.finess_et
)

SELECT
    f.finess_et,
    f.porteur,
    CASE WHEN s.dossiers THEN CAST(COALESCE(c.dossiers, 0) AS BIGINT) END AS dossiers_connus,
    CASE WHEN s.dossiers THEN CAST(COALESCE(c.personnes, 0) AS BIGINT) END AS personnes_connues,
    CASE WHEN s.sejours THEN CAST(COALESCE(a.dossiers, 0) AS BIGINT) END AS dossiers_accompagnes,
    CASE WHEN s.sejours THEN e.file_active END AS file_active,
    CASE WHEN s.sejours THEN e.personnes_eligibles END AS personnes_eligibles,
    CASE WHEN s.maj THEN e.dossiers_actifs END AS dossiers_actifs,
    CASE WHEN s.projets THEN e.dossiers_projet END AS dossiers_projet,
    CASE WHEN s.agenda THEN e.dossiers_agenda END AS dossiers_agenda
FROM fenetres AS f
INNER JOIN presences AS s ON s.finess_et = f.finess_et
INNER JOIN effectifs AS e ON e.finess_et = f.finess_et
LEFT JOIN connus AS c ON c.finess_et = f.finess_et
LEFT JOIN accompagnes AS a ON a.finess_et = f.finess_et
