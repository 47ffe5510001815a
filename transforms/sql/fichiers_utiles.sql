-- The staged files to open for this measure date: of a state (dossiers, sejours, projets), those of the deposits that make
-- it (§6.2); of facts, those of every deposit that can matter, where date_derniere_maj, "superseded ones included, is also a
-- mise à jour": a superseded state is opened for its facts only, folded if they are (transforms/pliage.py).
SELECT DISTINCT
    u.nom_table,
    'etat' AS lecture,
    u.fichier
FROM depots_utiles AS u
INNER JOIN depots_etat AS e ON e.depot = u.depot
WHERE u.fichier IS NOT NULL
UNION ALL
SELECT DISTINCT
    nom_table,
    'faits',
    fichier_faits
FROM depots_utiles
WHERE accepte AND fichier_faits IS NOT NULL AND nom_table NOT IN ('sejours', 'projets')
