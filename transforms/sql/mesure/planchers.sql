-- §6.5 taux_plancher: "the lowest rate that the known gaps allow." What each indicator's rate becomes when all that is known
-- to be missing counts against it.
-- manquants: "n = the rejected rows of 3(c) in the needed tables dossiers and sejours, added, plus the distinct unknown
-- dossiers of 3(d); for projet_personnalise and agenda, plus the rejected rows of mises_a_jour that name the ESSMS and lie in
-- usable deposits, at most the dossiers of the file active that are not actifs."
-- sans_borne: "the gap has no bound: 3(b); 3(e); 3(a) for dossiers or sejours, for maj in projet_personnalise and agenda (its
-- absence shrinks their denominator), for projets in projet_personnalise and agenda in agenda (a later extraction may cancel)."
-- numerateur: "for dossiers_actifs the numerator here counts each person once."
WITH actifs AS (
    SELECT
        a.finess_et,
        COUNT(DISTINCT p.personne) AS personnes
    FROM dossiers_actifs AS a
    INNER JOIN personnes AS p ON p.finess_et = a.finess_et AND p.id_dossier = a.id_dossier
    GROUP BY a.finess_et
),

requises AS (
    SELECT DISTINCT
        indicateur,
        nom_table
    FROM besoins
),

ecarts AS (
    SELECT
        f.finess_et,
        r.indicateur,
        SUM(CASE WHEN r.nom_table <> 'maj' THEN s.lignes_rejetees + s.sejours_inconnus ELSE 0 END) AS manquants,
        SUM(
            CASE
                WHEN r.nom_table = 'maj' AND r.indicateur IN ('projet_personnalise', 'agenda') THEN s.lignes_rejetees
                ELSE 0
            END
        ) AS maj_rejetees,
        SUM(
            CASE
                WHEN s.sans_reference OR s.tardive OR s.refusee THEN 1
                WHEN s.derniere_extraction > f.fin_fenetre THEN 0
                WHEN r.nom_table IN ('dossiers', 'sejours') THEN 1
                WHEN r.indicateur = 'projet_personnalise' AND r.nom_table IN ('maj', 'projets') THEN 1
                WHEN r.indicateur = 'agenda' AND r.nom_table IN ('maj', 'agenda') THEN 1
                ELSE 0
            END
        ) > 0 AS sans_borne
    FROM fenetres AS f
    INNER JOIN sources AS s ON s.finess_et = f.finess_et
    INNER JOIN requises AS r ON r.nom_table = s.nom_table
    GROUP BY f.finess_et, r.indicateur
)

SELECT
    e.finess_et,
    e.indicateur,
    e.sans_borne,
    CAST(
        e.manquants + LEAST(e.maj_rejetees, COALESCE(p.dossiers_accompagnes - p.dossiers_actifs, 0)) AS BIGINT
    ) AS manquants,
    CASE
        WHEN e.indicateur = 'dossiers_actifs' THEN CAST(COALESCE(a.personnes, 0) AS BIGINT)
        ELSE c.numerateur
    END AS numerateur
FROM ecarts AS e
INNER JOIN populations AS p ON p.finess_et = e.finess_et
INNER JOIN comptages AS c ON c.finess_et = e.finess_et AND c.indicateur = e.indicateur
LEFT JOIN actifs AS a ON a.finess_et = e.finess_et
