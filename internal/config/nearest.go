package config

// Nearest returns the one of the names that was probably meant, or "".
func Nearest(written string, names []string) string {
	const longestName = 64 // beyond it nothing of ours is near
	if len(written) > longestName {
		return ""
	}
	meant, least := "", min(3, len(written)/2+1)
	for _, name := range names {
		if d := distance(written, name); d < least {
			meant, least = name, d
		}
	}
	return meant
}

// distance counts the characters to insert, delete and replace to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
