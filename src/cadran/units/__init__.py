"""The smallest words of the house: money, periods, numbers, ids, clocks, errors. Imports nothing of Cadran."""
