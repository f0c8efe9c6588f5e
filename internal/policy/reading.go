package policy

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// reading is what is found in an expression by looking at it with declared claims.
type reading struct {
	output *cel.Type // what it gives
	claims []string  // the claims that it looks at, each as a condition writes it, in their order
	texts  []string  // the texts that stand in it
	err    error
}

type readKey struct {
	source string
	types  *ClaimTypes
}

// readWith looks at an expression that compiles. Each claim in it is replaced by a variable of the type that it is
// declared with, and CEL checks the result; no program is made of it.
func (c *Compiler) readWith(source string, types *ClaimTypes) *reading {
	key := readKey{source, types}
	if found, done := c.read[key]; done {
		return found
	}
	found := &reading{}
	c.read[key] = found
	parsed, issues := c.env.Parse(source)
	if issues.Err() != nil {
		found.err = tidy(issues)
		return found
	}
	tree := parsed.NativeRep()
	r := reader{types: types, info: tree.SourceInfo(), replacements: ast.NewExprFactory()}
	r.visit(tree.Expr())
	found.claims, found.texts = r.claims, r.texts
	if len(r.faults) > 0 {
		found.err = listed(r.faults)
		return found
	}
	checked, issues := c.declared.Check(parsed)
	if issues.Err() != nil {
		found.err = tidy(issues)
		return found
	}
	found.output = checked.OutputType()
	return found
}

// A reader goes through the tree of one expression.
type reader struct {
	types        *ClaimTypes
	info         *ast.SourceInfo
	replacements ast.ExprFactory
	hidden       int // how many variables around here have the name claims
	claims       []string
	texts        []string
	faults       []string
}

// claimsVariable is the one variable of every expression.
const claimsVariable = "claims"

// visit replaces the claims at and below e.
func (r *reader) visit(e ast.Expr) {
	if path, is := r.path(e); is && len(path) > 0 && r.replace(e, path) {
		return
	}
	switch e.Kind() {
	case ast.LiteralKind:
		if text, is := e.AsLiteral().(types.String); is {
			r.texts = append(r.texts, string(text))
		}
	case ast.SelectKind:
		r.visitSelect(e.AsSelect())
	case ast.CallKind:
		r.visitCall(e.AsCall())
	case ast.ListKind:
		r.visitAll(e.AsList().Elements())
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			r.visit(entry.AsMapEntry().Key())
			r.visit(entry.AsMapEntry().Value())
		}
	case ast.StructKind:
		for _, field := range e.AsStruct().Fields() {
			r.visit(field.AsStructField().Value())
		}
	case ast.ComprehensionKind:
		r.visitComprehension(e.AsComprehension())
	}
}

func (r *reader) visitAll(list []ast.Expr) {
	for _, e := range list {
		r.visit(e)
	}
}

// visitSelect comes upon has(a.b), or a member of what is no object of a claim.
func (r *reader) visitSelect(e ast.SelectExpr) {
	if path, is := r.path(e.Operand()); is && e.IsTestOnly() && r.exists(e.Operand(), append(path, e.FieldName())) {
		return
	}
	r.visit(e.Operand())
}

// visitCall comes upon "a" in claims, among all others.
func (r *reader) visitCall(e ast.CallExpr) {
	if e.FunctionName() == operators.In && len(e.Args()) == 2 {
		name, isText := literalText(e.Args()[0])
		path, isClaim := r.path(e.Args()[1])
		if isText && isClaim && r.exists(e.Args()[1], append(path, name)) {
			return
		}
	}
	if e.IsMemberFunction() {
		r.visit(e.Target())
	}
	r.visitAll(e.Args())
}

// visitComprehension comes upon all, exists and the like. Their variable can have the name claims; inside it is another.
func (r *reader) visitComprehension(e ast.ComprehensionExpr) {
	r.visit(e.IterRange())
	r.visit(e.AccuInit())
	hides := slices.Contains([]string{e.IterVar(), e.IterVar2(), e.AccuVar()}, claimsVariable)
	if hides {
		r.hidden++
	}
	r.visitAll([]ast.Expr{e.LoopCondition(), e.LoopStep(), e.Result()})
	if hides {
		r.hidden--
	}
}

// path returns the names that lead from claims to e; false: e does not begin with claims, or goes on by a name that is
// not written there.
func (r *reader) path(e ast.Expr) (names []string, is bool) {
	switch e.Kind() {
	case ast.IdentKind:
		name := e.AsIdent()
		return nil, name == "."+claimsVariable || name == claimsVariable && r.hidden == 0
	case ast.SelectKind:
		if e.AsSelect().IsTestOnly() {
			return nil, false
		}
		names, is = r.path(e.AsSelect().Operand())
		return append(names, e.AsSelect().FieldName()), is
	case ast.CallKind:
		call := e.AsCall()
		if call.FunctionName() != operators.Index || len(call.Args()) != 2 {
			return nil, false
		}
		name, isText := literalText(call.Args()[1])
		if !isText {
			return nil, false
		}
		names, is = r.path(call.Args()[0])
		return append(names, name), is
	default:
		return nil, false
	}
}

// replace puts a variable of its type where a claim stands; false: e goes on beyond what is declared, into a map or a
// value that is none, so that the claim stands further inside.
func (r *reader) replace(e ast.Expr, path []string) bool {
	declared, depth, known := r.resolve(path)
	switch {
	case !known:
		r.unknown(e, path[:depth+1])
		declared = Type{Name: "dyn"}
	case depth < len(path):
		return false
	default:
		r.claims = append(r.claims, written(path))
	}
	if declared.Members != nil {
		declared.Name = "map(string, dyn)"
	}
	e.SetKindCase(r.replacements.NewIdent(e.ID(), typeVariable(declared.Name)))
	return true
}

// exists checks the name of a claim that is only asked for; false: what it is asked of is no object of a claim.
func (r *reader) exists(e ast.Expr, path []string) bool {
	_, depth, known := r.resolve(path)
	if !known {
		r.unknown(e, path[:depth+1])
	}
	return depth == len(path) || !known
}

// resolve follows a path through objects. depth is how many of its names lead to what is declared; where known is false,
// the next one is no member.
func (r *reader) resolve(path []string) (declared Type, depth int, known bool) {
	declared = Type{Members: r.types.claims}
	for _, name := range path {
		if declared.Members == nil {
			return declared, depth, true
		}
		member, found := declared.Members.find(name)
		if !found {
			return Type{}, depth, false
		}
		declared = member
		depth++
	}
	return declared, depth, true
}

// unknown reports a claim that is not declared.
func (r *reader) unknown(e ast.Expr, path []string) {
	parent := Type{Members: r.types.claims}
	for _, name := range path[:len(path)-1] {
		parent, _ = parent.Members.find(name)
	}
	advice := "declare it with claim_types if the issuer sends it"
	if meant := r.types.nearest(path[len(path)-1], parent.Members.names()); meant != "" {
		advice = "did you mean " + meant + "?"
	}
	r.faults = append(r.faults, at(r.info.GetStartLocation(root(e).ID()))+": "+written(path)+": there is no such claim; "+advice)
}

// root returns the variable that a path begins with.
func root(e ast.Expr) ast.Expr {
	for {
		switch e.Kind() {
		case ast.SelectKind:
			e = e.AsSelect().Operand()
		case ast.CallKind:
			e = e.AsCall().Args()[0]
		default:
			return e
		}
	}
}

func literalText(e ast.Expr) (text string, is bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	value, is := e.AsLiteral().(types.String)
	return string(value), is
}

// written returns a claim as a condition writes it, for example claims["kubernetes.io"].namespace.
func written(path []string) string {
	var text strings.Builder
	text.WriteString(claimsVariable)
	for _, name := range path {
		if plainName.MatchString(name) {
			text.WriteString("." + name)
		} else {
			text.WriteString("[" + strconv.Quote(name) + "]")
		}
	}
	return text.String()
}

var plainName = regexp.MustCompile(`\A[A-Za-z_][A-Za-z0-9_]*\z`)
