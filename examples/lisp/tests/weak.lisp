; Weak boxes and the weak table of symbols.
; Stacks are scanned conservatively, so a few of many objects may outlive their time: nine in ten
; must be gone. For the same reason what is given up is taken out of a vector, one by one: a list
; would live as a whole where a stack still knew its head.
(define kept (make-vector 100))
(do ((i 0 (+ i 1))) ((= i 100)) (vector-set! kept i (list i)))
(define kept-boxes (let loop ((i 99) (l '()))
  (if (< i 0) l (loop (- i 1) (cons (weak-box (vector-ref kept i)) l)))))
(define boxes (map (lambda (i) (weak-box (list i i))) (iota 100)))
(define (alive boxes) (length (filter weak-value boxes)))
(gc)
(gc)
(print "kept: " (alive kept-boxes))
(print "others gone: " (<= (alive boxes) 10))
(print "same object: " (eq? (weak-value (car kept-boxes)) (vector-ref kept 0)))
(define (clear n) (when (> n 0) (vector-set! kept (- n 1) #f) (clear (- n 1))))
(clear 100)
(gc)
(gc)
(print "gone in turn: " (<= (alive kept-boxes) 10))
(print "not an object: " (weak-value (weak-box 7)) " " (weak-value (weak-box #\a)))

; An object that the box's value alone refers to goes with it.
(define inner #f)
(define (make) (let ((x (vector 1 2 3))) (set! inner (cons (weak-box x) inner)) (weak-box (list x))))
(define outer (map (lambda (i) (make)) (iota 50)))
(set! inner (filter pair? (let loop ((l inner) (out '())) (if (pair? l) (loop (cdr l) (cons (list (car l)) out)) out))))
(gc)
(gc)
(print "inner gone: " (<= (length (filter (lambda (l) (weak-value (car l))) inner)) 5))

; Symbols that nobody names any more leave the table; those with a value stay.
(define before (symbol-count))
(define (intern-many n)
  (when (> n 0) (string->symbol (string-append "temporary-" (number->string n))) (intern-many (- n 1))))
(intern-many 5000)
(eval (list 'define (string->symbol "permanent-one") 1))
(gc)
(gc)
(print "symbols gone: " (< (- (symbol-count) before) 500))
(print "with a value: " (eval (string->symbol "permanent-one")))
(print "interned again: " (eq? (string->symbol "temporary-1") (string->symbol "temporary-1")))
