/** Names that occur together: a given name is never joined with a family name of another list. */
export interface NameList {
  /** How often the list is chosen, relative to the others. */
  readonly weight: number;
  readonly given: readonly string[];
  readonly family: readonly string[];
}

const words = (text: string): string[] => text.trim().split(/\s+/);

/** In a family name of several words they are joined by `_`: `De_Luca` is "De Luca". */
const list = (weight: number, given: string, family: string): NameList => ({
  weight,
  given: words(given),
  family: words(family).map((name) => name.replaceAll('_', ' ')),
});

export const nameLists: readonly NameList[] = [
  list(
    26,
    `Olivia Emma Charlotte Amelia Sophie Grace Hannah Chloe Lucy Megan Zoe Holly Abigail Rachel
     James William Oliver Henry Jack Thomas Daniel Samuel Benjamin Ethan Matthew Ryan Adam Nathan Owen`,
    `Smith Jones Taylor Brown Williams Wilson Johnson Davies Walker Wright Robinson Thompson Hughes
     Edwards Green Clarke Bennett Foster Ward Cooper Bailey Parker Collins Murphy Kelly O'Brien O'Connor
     Campbell Stewart Fraser Morgan Price Reid Sullivan`,
  ),
  list(
    12,
    `Hannah Lena Marie Sophia Lea Anna Clara Johanna Katharina Greta Frieda Jana Lukas Jonas Finn Paul
     Maximilian Felix Elias Moritz Jakob Niklas Jürgen Günther Björn Matthias`,
    `Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Richter
     Klein Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hartmann Lange Weiß Groß König`,
  ),
  list(
    10,
    `Camille Léa Manon Chloé Inès Jade Louise Zoé Élodie Amélie Margaux Hugo Louis Gabriel Arthur Jules
     Théo Raphaël Nathan Maël Étienne François Benoît Rémi`,
    `Martin Bernard Dubois Thomas Robert Richard Petit Durand Leroy Moreau Simon Laurent Lefebvre Michel
     Garcia Bertrand Roux Vincent Fournier Girard Lefèvre Mercier Dupont Chevalier`,
  ),
  list(
    12,
    `Lucía Martina María Paula Sofía Valentina Camila Ximena Daniela Elena Carmen Inés Hugo Mateo Martín
     Santiago Diego Alejandro Álvaro Javier Andrés Joaquín José Iván Óscar`,
    `García Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Jiménez Ruiz Hernández Díaz
     Moreno Muñoz Álvarez Romero Navarro Torres Domínguez Vázquez Ramos Castillo Ibáñez de_la_Cruz`,
  ),
  list(
    7,
    `Giulia Sofia Aurora Alice Ginevra Beatrice Chiara Francesca Martina Elisa Leonardo Francesco
     Alessandro Lorenzo Mattia Andrea Gabriele Riccardo Tommaso Edoardo Niccolò`,
    `Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti De_Luca
     Mancini Costa Giordano Rizzo Lombardi Moretti`,
  ),
  list(
    6,
    `Zuzanna Julia Maja Hanna Lena Alicja Oliwia Małgorzata Agnieszka Katarzyna Antoni Jakub Jan
     Szymon Franciszek Aleksander Filip Mikołaj Wojciech Łukasz Paweł Michał`,
    `Nowak Wójcik Kowalczyk Woźniak Mazur Krawczyk Kaczmarek Zając Król Wieczorek Wróbel Stępień
     Górka Pawlak Walczak Sikora Baran Szewczyk Pietrzak Duda`,
  ),
  list(
    6,
    `Alice Maja Ebba Astrid Freja Ella Ingrid Sigrid Nora Emma Ida Signe Hugo Lucas Oscar Axel Elias
     Magnus Søren Jørgen Lars Håkan Anders Kåre`,
    `Andersson Johansson Karlsson Nilsson Eriksson Larsen Hansen Olsen Pedersen Jensen Nielsen
     Christensen Sørensen Lindqvist Bergström Åkesson Nyström Sjöberg Haugen Solberg Ødegård`,
  ),
  list(
    9,
    `Aarav Vivaan Aditya Arjun Rohan Karthik Rahul Vikram Sanjay Nikhil Ananya Diya Priya Kavya Meera
     Isha Nisha Pooja Shreya Lakshmi Deepa Aisha`,
    `Sharma Verma Gupta Patel Singh Kumar Reddy Nair Iyer Menon Rao Desai Joshi Mehta Shah Chatterjee
     Banerjee Mukherjee Das Kapoor Malhotra Pillai`,
  ),
  list(
    8,
    `Wei Jing Xin Yan Li Min Hui Ying Jun Hao Chen Yu Lei Tao Bo Ming Xiu Fang Na Jian Ling Qiang`,
    `Wang Li Zhang Liu Chen Yang Huang Zhao Wu Zhou Xu Sun Ma Zhu Hu Guo He Lin Gao Luo Zheng Liang`,
  ),
  list(
    5,
    `Yui Aoi Hina Sakura Rin Mei Haruka Yuna Akari Misaki Haruto Sota Yuto Ren Hiroshi Kenji Takumi
     Daiki Riku Kaito Naoki Shota`,
    `Sato Suzuki Takahashi Tanaka Watanabe Ito Yamamoto Nakamura Kobayashi Kato Yoshida Yamada Sasaki
     Yamaguchi Matsumoto Inoue Kimura Hayashi Shimizu Mori Ikeda Ishikawa`,
  ),
  list(
    5,
    `Zeynep Elif Defne Asya Azra Ayşe Fatma Özge Gül Büşra Yusuf Mustafa Mehmet Ömer Emir Kerem Çağan
     Burak Eren Uğur Şahin Barış`,
    `Yılmaz Kaya Demir Çelik Yıldız Yıldırım Öztürk Aydın Özdemir Arslan Doğan Kılıç Aslan Çetin Kara
     Koç Kurt Özkan Şimşek Polat`,
  ),
  list(
    5,
    `Fatima Aisha Layla Mariam Noor Salma Yasmin Zainab Hana Rania Mohammed Ahmed Ali Omar Yusuf Hassan
     Khalid Ibrahim Tariq Karim Samir Bilal`,
    `Haddad Khoury Mansour Nasser Saleh Hamdan Al-Masri El-Sayed Farouk Aziz Rahman Hussein Khalil
     Ibrahim Bakr Darwish Sabbagh Najjar Qasim Zidan`,
  ),
  list(
    5,
    `Adaeze Chidi Emeka Ngozi Ifeoma Obinna Chiamaka Kwame Kofi Ama Abena Akosua Wanjiru Kamau Njeri
     Otieno Achieng Thabo Lerato Sipho Nomvula Zanele`,
    `Okafor Adeyemi Eze Okonkwo Balogun Nwosu Mensah Owusu Boateng Asante Osei Kariuki Mwangi Njoroge
     Ochieng Odhiambo Dlamini Nkosi Khumalo Mokoena Ndlovu`,
  ),
  list(
    7,
    `Ana Beatriz Mariana Larissa Júlia Letícia Luíza Inês Catarina Miguel João Pedro Gustavo Rafael
     Thiago Antônio Luís Vinícius Caio Tomás Gonçalo`,
    `Silva Santos Oliveira Souza Pereira Costa Rodrigues Almeida Nascimento Lima Araújo Fernandes
     Carvalho Gomes Martins Rocha Ribeiro Alves Monteiro Mendes Magalhães Simões`,
  ),
];
