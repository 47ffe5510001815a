-- §6.2 Current sejours of each ESSMS: "for every dossier of which the partial deposits of a date have an accepted row, their
-- rows together replace those of that dossier; one row per key throughout, the later wins." A row stays unless a later
-- deposit names its dossier (later step) or its key.
WITH lignes AS (
    SELECT
        s.finess_et,
        s.id_dossier,
        s.date_entree,
        s.date_sortie,
        d.etape,
        d.rang_cle,
        MAX(d.etape) OVER (PARTITION BY s.finess_et, s.id_dossier) AS derniere_etape,
        MAX(d.rang_cle) OVER (PARTITION BY s.finess_et, s.id_dossier, s.date_entree) AS dernier_rang
    FROM depose_sejours AS s
    INNER JOIN depots_etat AS d ON d.depot = s.depot AND d.finess_et = s.finess_et AND d.nom_table = 'sejours'
)

SELECT
    finess_et,
    id_dossier,
    date_entree,
    date_sortie
FROM lignes
WHERE etape = derniere_etape AND rang_cle = dernier_rang
