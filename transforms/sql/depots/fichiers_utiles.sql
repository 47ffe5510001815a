-- The staged files to open for this measure date: of a state (dossiers, sejours, projets), those of the deposits that make
-- it (§6.2); of facts, those of every deposit that can matter, where date_derniere_maj, "superseded ones included, is also a
-- mise à jour": a superseded state is opened for its facts only, folded if they are (transforms/faits_replies.py). The files of
-- agenda that are wholly older than those of the windows' time (`annonces`) matter only for the events that they announce.
WITH bornes AS (
    SELECT MIN(debut_fenetre) AS debut FROM fenetres
),

faits AS (
    SELECT
        u.nom_table,
        u.fichier_faits AS fichier,
        MIN(u.date_extraction) AS premiere,
        MAX(u.date_extraction) AS derniere
    FROM depots_utiles AS u
    WHERE u.accepte AND u.fichier_faits IS NOT NULL AND u.nom_table NOT IN ('sejours', 'projets')
    GROUP BY u.nom_table, u.fichier_faits
),

-- The earliest extraction in a file of the windows' time.
limite AS (
    SELECT MIN(f.premiere) AS jour
    FROM faits AS f
    CROSS JOIN bornes AS b
    WHERE f.nom_table = 'agenda' AND f.derniere >= jours_apres(b.debut, -1)
),

-- Extractions replace each other by date: old and recent ones are told apart only when no file holds both.
a_cheval AS (
    SELECT COUNT(*) AS nombre
    FROM faits AS f
    CROSS JOIN limite AS l
    WHERE f.nom_table = 'agenda' AND f.premiere < l.jour AND f.derniere >= l.jour
)

SELECT DISTINCT
    u.nom_table,
    'etat' AS lecture,
    u.fichier
FROM depots_utiles AS u
INNER JOIN depots_etat AS e ON e.depot = u.depot
WHERE u.fichier IS NOT NULL
UNION ALL
SELECT
    f.nom_table,
    CASE
        WHEN f.nom_table = 'agenda' AND a.nombre = 0 AND f.derniere < COALESCE(l.jour, b.debut) THEN 'annonces'
        ELSE 'faits'
    END,
    f.fichier
FROM faits AS f
CROSS JOIN bornes AS b
CROSS JOIN limite AS l
CROSS JOIN a_cheval AS a
