package policy

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// conjunct is one operand of the && at the top of a condition, or the whole of any other expression.
type conjunct struct {
	text  string      // as CEL writes it
	alone *expression // nil: it cannot be looked at alone
	reads []string    // paths of claims, in their order
	wants []string    // the constants that claims are compared with
}

// split takes an expression apart, for those who want to know why it does not hold. That costs as much as compiling it
// anew and is done when it is first asked for: most conditions are never asked.
func (c *Compiler) split(source string) []conjunct {
	c.splitting.Lock()
	defer c.splitting.Unlock()
	whole := []conjunct{{text: oneLine(source)}}
	env, err := c.env.Extend(cel.EnableMacroCallTracking()) // so that matches and has are written as they were
	if err != nil {
		return whole
	}
	compiled, issues := env.Compile(source)
	if issues.Err() != nil {
		return whole
	}
	info := compiled.NativeRep().SourceInfo()
	var parts []conjunct
	for _, operand := range operands(compiled.NativeRep().Expr()) {
		part := conjunct{reads: readsOf(operand), wants: wantsOf(operand)}
		if part.text, err = cel.ExprToString(operand, info); err != nil {
			return whole
		}
		// A comment or a macro can come out differently. What does not compile again is not looked at alone.
		if part.alone, err = c.program(part.text); err != nil {
			return whole
		}
		part.text = oneLine(part.text)
		parts = append(parts, part)
	}
	return parts
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// operands returns the operands of the && at the top, from left to right. CEL makes a balanced tree of them.
func operands(expr ast.Expr) []ast.Expr {
	if !isCall(expr, operators.LogicalAnd) {
		return []ast.Expr{expr}
	}
	var all []ast.Expr
	for _, operand := range expr.AsCall().Args() {
		all = append(all, operands(operand)...)
	}
	return all
}

func isCall(expr ast.Expr, function string) bool {
	return expr.Kind() == ast.CallKind && expr.AsCall().FunctionName() == function
}

// readsOf returns the paths of the claims that an expression looks at: the longest of each, repository and run.id.
func readsOf(expr ast.Expr) []string {
	var paths []string
	ast.PreOrderVisit(expr, ast.NewExprVisitor(func(e ast.Expr) {
		path, isClaim := pathOf(e)
		covered := slices.ContainsFunc(paths, func(other string) bool { return strings.HasPrefix(other+".", path+".") })
		if isClaim && path != "" && !covered {
			paths = append(paths, path)
		}
	}))
	return paths
}

// pathOf returns the path of claims.a.b or claims["a"].b; empty: claims itself.
func pathOf(expr ast.Expr) (path string, isClaim bool) {
	var of ast.Expr
	var name string
	switch {
	case expr.Kind() == ast.IdentKind:
		return "", expr.AsIdent() == "claims"
	case expr.Kind() == ast.SelectKind:
		of, name = expr.AsSelect().Operand(), expr.AsSelect().FieldName()
	case isCall(expr, operators.Index):
		of, name = expr.AsCall().Args()[0], literal(expr.AsCall().Args()[1])
	case isCall(expr, operators.In) && expr.AsCall().Args()[1].Kind() == ast.IdentKind: // "a" in claims
		of, name = expr.AsCall().Args()[1], literal(expr.AsCall().Args()[0])
	}
	if name == "" {
		return "", false
	}
	path, isClaim = pathOf(of)
	return strings.TrimPrefix(path+"."+name, "."), isClaim
}

// wantsOf returns the constants that an expression wants something to be equal to, by == or by in. Behind a ! or a ?
// nobody knows what is wanted.
func wantsOf(expr ast.Expr) []string {
	var wants []string
	switch {
	case expr.Kind() == ast.ComprehensionKind: // all and exists; the step is what they ask of each element
		return wantsOf(expr.AsComprehension().LoopStep())
	case expr.Kind() != ast.CallKind, isCall(expr, operators.LogicalNot), isCall(expr, operators.Conditional):
		return nil
	case isCall(expr, operators.Equals):
		wants = literals(expr.AsCall().Args())
	case isCall(expr, operators.In) && expr.AsCall().Args()[1].Kind() == ast.ListKind:
		wants = literals(expr.AsCall().Args()[1].AsList().Elements())
	}
	for _, operand := range expr.AsCall().Args() {
		wants = append(wants, wantsOf(operand)...)
	}
	return wants
}

// literals returns those of the expressions that are constants.
func literals(expressions []ast.Expr) []string {
	var texts []string
	for _, expr := range expressions {
		if text := literal(expr); text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

// literal returns a constant as text; empty: the expression is none.
func literal(expr ast.Expr) string {
	if expr.Kind() != ast.LiteralKind {
		return ""
	}
	switch value := expr.AsLiteral().(type) {
	case types.String, types.Bool, types.Int, types.Uint, types.Double:
		return fmt.Sprint(value.Value())
	default:
		return ""
	}
}
