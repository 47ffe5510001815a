-- §4.6 "Rows of deposits that bear any number of a chain of finess_precedent count for the row of that chain valid at D.
-- […] A measure reads the deposits of the porteur of D only: what happened under another porteur is for the new one to
-- supply." Rows used and rejected by deposit and ESSMS of its porteur on that day; finess_et is null for the rejected
-- rows that name nobody. What a deposit says of an ESSMS that its porteur has not at D says nothing of the others.
SELECT
    b.depot,
    n.finess_et,
    CAST(SUM(b.lignes_utilisees) AS BIGINT) AS lignes_utilisees,
    CAST(SUM(b.lignes_rejetees) AS BIGINT) AS lignes_rejetees
FROM bilans_recus AS b
INNER JOIN depots AS d ON d.depot = b.depot
LEFT JOIN numeros AS n ON n.recu = b.finess_et AND n.porteur = d.porteur
WHERE n.finess_et IS NOT NULL OR b.finess_et IS NULL
GROUP BY b.depot, n.finess_et
