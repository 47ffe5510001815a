-- §6.1 Window of each ESSMS for the measure date D.
-- "Rules 2025: the 3 months before D: days from D − 3 months to D − 1, both included. Rules 2023: the month before D;
--  3 months for the first measure: when D is the date_premiere_mesure of the ESSMS or the day after." The numbers of months
-- are in transforms/regles/.
-- limite_reference: "≤ D + 45 days" (§6.2). debut_annuel: "from 1 January of the year of fin_fenetre, if earlier" (§6.4).
WITH debuts AS (
    SELECT
        e.finess_et,
        e.porteur,
        e.regles,
        m.date_mesure,
        mois_avant(
            m.date_mesure,
            CASE
                WHEN m.date_mesure BETWEEN e.date_premiere_mesure AND jours_apres(e.date_premiere_mesure, 1)
                    THEN r.mois_premiere_mesure
                ELSE r.mois_fenetre
            END
        ) AS debut_fenetre,
        jours_apres(m.date_mesure, -1) AS fin_fenetre
    FROM essms AS e
    INNER JOIN regles AS r ON r.regles = e.regles
    CROSS JOIN mesure AS m
)

SELECT
    finess_et,
    porteur,
    regles,
    date_mesure,
    debut_fenetre,
    fin_fenetre,
    jours_apres(date_mesure, 45) AS limite_reference,
    LEAST(debut_fenetre, premier_janvier(fin_fenetre)) AS debut_annuel
FROM debuts
