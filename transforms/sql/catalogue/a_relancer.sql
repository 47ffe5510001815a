-- Whom to ask for what: tables that opposable indicators need and that are missing or incomplete, by porteur.
SELECT
    s.porteur,
    s."table",
    COUNT(DISTINCT s.finess_et) AS nb_essms,
    COUNT(DISTINCT s.finess_et) FILTER (WHERE NOT s.presente) AS nb_sans_la_table,
    MAX(s.derniere_extraction) AS derniere_extraction,
    LIST(DISTINCT i.indicateur ORDER BY i.indicateur) AS indicateurs_touches
FROM sources AS s
INNER JOIN besoins AS b ON b.nom_table = s."table"
INNER JOIN indicateurs AS i
    ON i.date_mesure = s.date_mesure AND i.finess_et = s.finess_et AND i.indicateur = b.indicateur
WHERE
    i.opposable
    AND s.date_mesure = CAST(jour AS DATE)
    AND (
        NOT s.presente
        OR s.derniere_extraction <= i.fin_fenetre
        OR s.sans_reference
        OR s.tardive
        OR s.refusee
        OR s.lignes_rejetees > 0
        OR s.sejours_inconnus > 0
    )
GROUP BY s.porteur, s."table"
ORDER BY nb_sans_la_table DESC, nb_essms DESC, s.porteur ASC, s."table" ASC
